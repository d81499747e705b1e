"""Inspection of a callable: is it asynchronous, which arguments does it take, and what is inside?

Callables are foreign objects: a Mock answers to every attribute, others raise what they like. So only attributes that really
exist are read, by `declared`, and chains of wrappers end.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

_SUPPLIED = ("workers", "executor", "ctx")  # parameters that Pocket Lab fills in
_UNKNOWN = inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)  # of a builtin without a signature
_MOST_WRAPPERS = 100
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


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
    for _ in range(_MOST_WRAPPERS):
        inner = function.func if issubclass(type(function), functools.partial) else declared(function, "__wrapped__")
        if not callable(inner):
            break
        function = inner
    return function


def takes(function: Callable[..., Any], parameter: str) -> bool:
    """Whether it has a parameter of this name."""
    return parameter in _parameters(function)


def takes_argument(function: Callable[..., Any]) -> bool:
    """Whether it accepts a positional argument, not counting `workers`, `executor` and `ctx`."""
    return bool(_arguments(function))


def needs_argument(function: Callable[..., Any]) -> bool:
    """Whether it requires a positional argument; False for a builtin without a signature."""
    arguments = [parameter for parameter in _arguments(function) if parameter is not _UNKNOWN]
    return any(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in arguments)


def leading_parameters(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters that can be given by position, in order."""
    return [name for name, parameter in _parameters(function).items() if parameter.kind in _BY_POSITION]


def _arguments(function: Callable[..., Any]) -> list[inspect.Parameter]:
    kinds = (*_BY_POSITION, inspect.Parameter.VAR_POSITIONAL)
    return [p for name, p in _parameters(function).items() if name not in _SUPPLIED and p.kind in kinds]


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except Exception:  # builtins without a signature; foreign attributes raise what they like
        return {"input": _UNKNOWN}
