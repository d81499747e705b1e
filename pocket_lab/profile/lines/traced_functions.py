"""What a user names beside the nodes: functions, classes and modules, as the Python functions in them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.profile.node_code import python_function
from pocket_lab.records.caveat import Caveat


def traced_functions(also: Any) -> tuple[tuple[FunctionType, ...], list[Caveat]]:
    """The functions that one thing or several name, once each, and a Caveat for what is not written in Python.

    A class stands for its methods, a module for its functions and the methods of its classes; the module `__main__` is a
    notebook. Raises UsageError for what is none of these.
    """
    given = [also] if not isinstance(also, Iterable) or inspect.isclass(also) else list(also)
    found: dict[int, FunctionType] = {}
    caveats = []
    for thing in given:
        inside = list(_inside(thing))
        if not inside:
            if not callable(thing) and not isinstance(thing, ModuleType):
                raise UsageError(f"also: {thing!r} is no function, class or module")
            message = f"also: {getattr(thing, '__name__', thing)} has no Python function and was left out"
            caveats.append(Caveat("no-python-code", message))
        found |= {id(function): function for function in inside}
    return tuple(found.values()), caveats


def _inside(thing: Any) -> Iterator[FunctionType]:
    if isinstance(thing, ModuleType):
        for part in list(vars(thing).values()):
            if getattr(part, "__module__", None) == thing.__name__ and (inspect.isclass(part) or callable(part)):
                yield from _inside(part)
    elif inspect.isclass(thing):
        for part in vars(thing).values():
            unbound = part.fget if isinstance(part, property) else getattr(part, "__func__", part)
            if inspect.isfunction(unbound):
                yield unbound
    elif callable(thing) and (function := python_function(thing)) is not None:
        yield function
