"""Inspection of a callable: is it asynchronous, which arguments does it take, and what is inside?

Callables are foreign objects: a Mock answers to every attribute, others raise what they like. So only attributes that really
exist are read, by `declared`, and chains of wrappers end.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from functools import partial, wraps
from itertools import takewhile
from typing import Any, TypeVar

SUPPLIED = ("workers", "executor", "ctx")  # parameters that Pocket Lab fills in
_CTX = "ctx"
F = TypeVar("F", bound=Callable[..., Any] | None)
_UNKNOWN = inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)  # of a builtin without a signature
MOST_WRAPPERS = 100
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = inspect.Parameter.KEYWORD_ONLY


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; partials and objects with an async `__call__` too."""
    if isinstance(function, type):
        return False
    try:
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
    except Exception:  # of a foreign attribute
        return False


def declared(value: Any, name: str) -> Any:
    """The attribute of the object or its class; None where only a `__getattr__` would answer, or where it raises."""
    try:
        inspect.getattr_static(value, name)
        return getattr(value, name)
    except Exception:  # foreign code raises what it likes
        return None


def name_of(function: Any) -> str:
    """The name of a callable, or of its class."""
    name = declared(function, "__name__")
    return name if isinstance(name, str) and name else type(function).__name__


def unwrapped(function: Any) -> Any:
    """The callable inside decorators that name it as `__wrapped__`, and inside partials."""
    for _ in range(MOST_WRAPPERS):
        inner = function.func if issubclass(type(function), functools.partial) else declared(function, "__wrapped__")
        if not callable(inner):
            break
        function = inner
    return function


def takes(function: Callable[..., Any], parameter: str) -> bool:
    """Whether it has a parameter of this name."""
    return parameter in _parameters(function)


def fitted(function: F, arguments: int) -> tuple[F, bool]:
    """The function as one that is called with so many arguments, and with `ctx=` if the second value is true.

    Its parameter `ctx` receives the Context if it has others for all arguments, at any position; where `ctx` is needed for an
    argument, it receives that, unless its hint says Context. Raises TypeError for a function with `ctx` that cannot be called
    in either way.
    """
    parameters = {} if function is None else _parameters(function)
    if function is None or _CTX not in parameters or parameters[_CTX].kind not in (*_BY_POSITION, _BY_NAME):
        return function, False
    if isinstance(function, partial) and _CTX in function.keywords:  # the user's own value
        return function, False
    names = [name for name, parameter in parameters.items() if parameter.kind in _BY_POSITION]
    before = names.index(_CTX) if _CTX in names else -1
    is_declared = re.search(r"\bContext\b", inspect.formatannotation(parameters[_CTX].annotation)) is not None
    needed = [name for name in names if name != _CTX and parameters[name].default is inspect.Parameter.empty]
    takes_ctx = is_declared or before < 0 or before >= arguments or len(needed) >= arguments
    is_moved = takes_ctx and before >= 0 and (before < arguments or parameters[_CTX].kind is inspect.Parameter.POSITIONAL_ONLY)
    given = [None] * (arguments + is_moved)
    inspect.signature(function).bind(*given, **({_CTX: None} if takes_ctx and not is_moved else {}))
    return (_with_ctx_at(before, function) if is_moved else function), takes_ctx


def _with_ctx_at(position: int, function: Callable[..., Any]) -> Any:
    """The function with its parameter `ctx` given by name."""
    if is_async(function):

        @wraps(function)
        async def acall(*args: Any, ctx: Any) -> Any:
            return await function(*args[:position], ctx, *args[position:])

        return acall

    @wraps(function)
    def call(*args: Any, ctx: Any) -> Any:
        return function(*args[:position], ctx, *args[position:])

    return call


class Signature:
    """What a callable takes, read once, as that takes a while; one without a signature (a builtin) takes an argument."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._parameters = _parameters(function)

    def takes(self, parameter: str) -> bool:
        """Whether it has a parameter of this name."""
        return parameter in self._parameters

    @property
    def takes_argument(self) -> bool:
        """Whether it accepts a positional argument, not counting `workers`, `executor` and `ctx`."""
        return bool(self._arguments)

    @property
    def needs_argument(self) -> bool:
        """Whether it requires a positional argument; False for a builtin without a signature."""
        arguments = [parameter for parameter in self._arguments if parameter is not _UNKNOWN]
        return any(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in arguments)

    @property
    def keywords(self) -> list[str]:
        """The names of the parameters that can be given by name, in order."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, _BY_NAME)
        return [name for name, parameter in self._parameters.items() if parameter.kind in kinds]

    def takes_keyword(self, name: str) -> bool:
        """Whether an argument can be given to it by this name, also where it takes any."""
        if name in self._parameters:
            return name in self.keywords
        return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in self._parameters.values())

    def with_options(self, options: dict[str, Any]) -> Callable[..., Any]:
        """The function with these arguments: by name, those before its first other argument by position."""
        if not options:
            return self._function
        leading = (name for name, parameter in self._parameters.items() if parameter.kind in _BY_POSITION)
        first = list(takewhile(options.__contains__, leading))
        named = {name: value for name, value in options.items() if name not in first}
        return partial(self._function, *(options[name] for name in first), **named)

    @property
    def _arguments(self) -> list[inspect.Parameter]:
        kinds = (*_BY_POSITION, inspect.Parameter.VAR_POSITIONAL)
        return [p for name, p in self._parameters.items() if name not in SUPPLIED and p.kind in kinds]


def takes_argument(function: Callable[..., Any]) -> bool:
    """Whether it accepts a positional argument, not counting `workers`, `executor` and `ctx`."""
    return Signature(function).takes_argument


def needs_argument(function: Callable[..., Any]) -> bool:
    """Whether it requires a positional argument; False for a builtin without a signature."""
    return Signature(function).needs_argument


def with_options(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    """The function with these arguments: by name, those before its first other argument by position."""
    return Signature(function).with_options(options) if options else function


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except Exception:  # builtins without a signature; foreign attributes raise what they like
        return {"input": _UNKNOWN}
