"""The option `also` of the verb `lines`: functions, methods, classes and modules, resolved to Python functions."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, walk
from pocket_lab.profile.lines.called_functions import Called, called_functions, class_attribute
from pocket_lab.records.caveat import Caveat

_DESCRIPTORS = (
    property,
    staticmethod,
    classmethod,
    functools.cached_property,
    functools.partialmethod,
    functools.singledispatchmethod,
)


@dataclass(frozen=True, slots=True)
class Helper:
    """A function to trace beside the nodes, the name that it is shown under, and the layer around it ("" for none).

    One that `is_referred` was not named itself: a named function refers to it.

    In another process it is looked for where its module keeps it: a getter or a decorated function is not the attribute of its
    own name, so that pickle would send a copy, which nothing calls there.
    """

    function: FunctionType
    name: str
    inside: str
    is_referred: bool
    value: Any = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[..., Helper], tuple[Any, ...]]:
        for known in (self.function, self.value):
            module, path = getattr(known, "__module__", None), getattr(known, "__qualname__", None)
            if not isinstance(module, str) or not isinstance(path, str) or module == "__main__" or module not in sys.modules:
                continue
            functions = [called.function for called in called_functions(_attribute(sys.modules[module], path))]
            index = next((number for number, function in enumerate(functions) if function is self.function), None)
            if index is not None:
                return _found, (module, path, index, self.name, self.inside, self.is_referred)
        return Helper, (self.function, self.name, self.inside, self.is_referred, self.function)


def traced_functions(also: Any) -> tuple[tuple[Helper, ...], list[Caveat]]:
    """The functions of one value or several, once each, and a Caveat for each value that has no Python function.

    A node means its functions and a graph those of all its nodes, a class its methods and those of the classes inside it, a
    module its functions and classes; the module `__main__` is a notebook. Raises UsageError for any other value.
    """
    is_one = _is_traceable(also) or not isinstance(also, Iterable) or isinstance(also, str | bytes)
    caveats = []
    found: list[tuple[Any, tuple[Called, ...]]] = []
    for value in [also] if is_one else list(also):
        if not _is_traceable(value):
            raise UsageError(f"also: {value!r} is not a function, class or module")
        parts = [(part, functions) for part in _parts_of(value) if (functions := called_functions(part))]
        if not parts:
            name = value.__name__ if isinstance(value, type | ModuleType) or inspect.isroutine(value) else repr(value)
            caveats.append(Caveat("no-python-code", f"also: {name} has no Python function and was left out"))
        found += parts
    helpers: dict[int, Helper] = {}
    for is_referred in (False, True):  # a function that is named itself has its own name
        for value, functions in found:
            name = f"{functions[0].function.__qualname__}()"
            for called in functions:
                if called.is_referred == is_referred:
                    helper = Helper(called.function, name, called.inside, is_referred, value)
                    helpers.setdefault(id(called.function), helper)
    return tuple(helpers.values()), caveats


def _is_traceable(value: Any) -> bool:
    return callable(value) or isinstance(value, (ModuleType, Graph, *_DESCRIPTORS))


def _parts_of(value: Any) -> Iterator[Any]:
    """The callables and descriptors that a value means."""
    if issubclass(type(value), Node | Graph):
        for node in walk([value]) if isinstance(value, Node) else value.walk():
            yield from (function for _, function in node.phases())
    elif issubclass(type(value), ModuleType):
        for member in list(vars(value).values()):
            if _module_of(member) == value.__name__ and callable(member):
                yield from _parts_of(member)
    elif issubclass(type(value), type):
        for member in list(vars(value).values()):
            if issubclass(type(member), type):
                if member.__qualname__.startswith(f"{value.__qualname__}.") and member.__module__ == value.__module__:
                    yield from _parts_of(member)
            elif _is_traceable(member):
                yield member
    else:
        yield value


def _module_of(member: Any) -> Any:
    try:
        return member.__module__
    except Exception:  # a foreign object may raise what it likes
        return None


def _attribute(module: ModuleType, path: str) -> Any:
    """What a module or a class in it keeps at a path of names, as it is kept there; None if there is nothing."""
    found: Any = module
    for name in path.split("."):
        if issubclass(type(found), type):
            found = class_attribute(found, name)
        else:
            found = vars(found).get(name) if found is module else None
    return found


def _found(module: str, path: str, index: int, name: str, inside: str, is_referred: bool) -> Helper:
    """The helper in this process."""
    value = _attribute(importlib.import_module(module), path)
    return Helper(called_functions(value)[index].function, name, inside, is_referred, value)
