"""The signature and the docstring that a verb shows, made from the table of options."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from pocket_lab.lab.options.keywords import KEYWORDS
from pocket_lab.lab.options.table import options_of

_WIDTH = 118
_MARK = "{options}"
F = TypeVar("F", bound=Callable[..., Any])


def takes_options(function: F) -> F:
    """Give a verb the signature of its options, and put their help in the place of `{options}` in its docstring."""
    verb = function.__name__
    options = options_of(verb)
    types = KEYWORDS[verb].__annotations__
    signature = inspect.signature(function)
    targets = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    keywords = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=option.default_of(verb),
            annotation=getattr(types[option.name], "__forward_arg__", types[option.name]),
        )
        for option in options
    ]
    function.__signature__ = signature.replace(parameters=[*targets, *keywords])  # type: ignore[attr-defined]
    texts = [
        textwrap.fill(
            f"{option.name}: {option.help_of(verb, 'python')}.",
            _WIDTH,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
            break_on_hyphens=False,
        )
        for option in options
    ]
    function.__doc__ = inspect.cleandoc(function.__doc__ or "").replace(f"    {_MARK}", "\n".join(texts))
    return function
