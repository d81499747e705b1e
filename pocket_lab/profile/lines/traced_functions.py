"""The option `also` of the verb `lines`: functions, classes and modules, resolved to Python functions."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.profile.node_code import python_function
from pocket_lab.records.caveat import Caveat


def traced_functions(also: Any) -> tuple[tuple[FunctionType, ...], list[Caveat]]:
    """The functions of one value or several, once each, and a Caveat for each value that has no Python function.

    A class means its methods, a module its functions and the methods of its classes; the module `__main__` is a notebook.
    Raises UsageError for any other value.
    """
    is_one = not isinstance(also, Iterable) or isinstance(also, str | bytes) or inspect.isclass(also)
    values = [also] if is_one else list(also)
    found: dict[int, FunctionType] = {}
    caveats = []
    for value in values:
        functions = list(_functions_of(value))
        if not functions:
            if not callable(value) and not isinstance(value, ModuleType):
                raise UsageError(f"also: {value!r} is not a function, class or module")
            message = f"also: {getattr(value, '__name__', value)} has no Python function and was left out"
            caveats.append(Caveat("no-python-code", message))
        found |= {id(function): function for function in functions}
    return tuple(found.values()), caveats


def _functions_of(value: Any) -> Iterator[FunctionType]:
    if isinstance(value, ModuleType):
        for member in list(vars(value).values()):
            if getattr(member, "__module__", None) == value.__name__ and (inspect.isclass(member) or callable(member)):
                yield from _functions_of(member)
    elif inspect.isclass(value):
        for member in vars(value).values():
            unbound = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(unbound):
                yield unbound
    elif callable(value) and (function := python_function(value)) is not None:
        yield function
