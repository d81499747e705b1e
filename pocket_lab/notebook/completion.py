"""Completion of the lines of the magics, as a matcher of IPython's completer: options, their values, and variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from pocket_lab.lab.options.completion import complete

_MAGIC = re.compile(r"%pocket_(\w+)\s")
_NAME = re.compile(r"[^\W\d]\w*")


def install(shell: Any) -> None:
    """Add a matcher to a shell."""
    uninstall(shell)

    @context_matcher()
    def match(context: CompletionContext) -> SimpleMatcherResult:
        return _match(context, shell.user_ns)

    shell.Completer.custom_matchers.append(match)


def uninstall(shell: Any) -> None:
    """Remove the matcher from a shell."""
    shell.Completer.custom_matchers[:] = [
        matcher for matcher in shell.Completer.custom_matchers if getattr(matcher, "__module__", "") != __name__
    ]


def _match(context: CompletionContext, variables: Mapping[str, Any]) -> SimpleMatcherResult:
    """What can be completed at the cursor on the line of a magic: an option, a value of the option before it, or a variable."""
    line, token = context.text_until_cursor, context.token
    magic = _MAGIC.search(line)
    if magic is None:
        return {"completions": [], "suppress": False}
    options = complete(magic[1], "magic", line[: len(line) - len(token)], token)
    found = [SimpleCompletion(text, type="param") for text in options]
    if not options and _NAME.fullmatch(token):
        found = [SimpleCompletion(name, type="instance") for name in _names(variables) if name.startswith(token)]
    return {"completions": found, "suppress": bool(options)}


def _names(variables: Mapping[str, Any]) -> list[str]:
    """The variables of the user, without IPython's own and without modules."""
    hidden = {"In", "Out", "exit", "quit", "get_ipython", "open"}
    return [
        name for name, value in variables.items() if name[0] != "_" and name not in hidden and not isinstance(value, ModuleType)
    ]
