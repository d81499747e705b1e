"""Inspection of a callable: is it asynchronous, and which arguments does it take?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_SUPPLIED = ("workers", "executor", "ctx")  # parameters that Pocket Lab fills in
_UNKNOWN = inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)  # of a builtin without a signature
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; partials and objects with an async `__call__` too."""
    if inspect.isclass(function):
        return False
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


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
    except (TypeError, ValueError):  # builtins without a signature
        return {"input": _UNKNOWN}
