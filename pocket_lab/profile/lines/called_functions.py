"""The Python functions that a call of a value runs: those inside wrappers, methods and classes, and the layers of decorators.

Only what a value has is looked at, never what it would make when it is read: a Mock, or an object with a property `func`, has
an answer to every question, and no end.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from pocket_lab.profile.libraries import is_library

_MACHINERY = ("functools", "contextlib", "pocket_lab.graph")  # modules whose functions only call those of users
_MOST = 200  # functions of one value, and members of one list
_DEEPEST = 50  # layers around one another


@dataclass(frozen=True, slots=True)
class Called:
    """A function that a call runs; `inside` is the name of the function whose lines call it, "" for the outermost.

    One that `is_referred` is only known from a closure, an argument or an attribute, and may not run.
    """

    function: FunctionType
    inside: str
    is_referred: bool


def called_functions(value: Any) -> tuple[Called, ...]:
    """The functions of a callable, a descriptor or a class, each once, the outermost first; empty for code that is not Python.

    Decorators come before what they decorate: known by `__wrapped__` (functools.wraps), by closures, and by the attributes of
    decorators that are classes. All implementations of a singledispatch count, and what the combinators of a graph call.
    Wrappers of functools, contextlib and the combinators themselves are left out, unless there is nothing else.
    """
    search = _Search()
    search.visit(value, "", is_referred=False)
    return tuple(search.found or search.machinery)


def is_function(value: Any) -> bool:
    """As inspect.isfunction, by the real class: an object may pretend to be of another one."""
    return issubclass(type(value), FunctionType)


def class_attribute(kind: type, name: str) -> Any:
    """The attribute of a class as it is written there or in a class above; None if there is none."""
    return next((owner.__dict__[name] for owner in kind.__mro__ if name in owner.__dict__), None)


@dataclass(slots=True)
class _Search:
    """The functions found so far, and all objects that were looked at."""

    found: list[Called] = field(default_factory=list)
    machinery: list[Called] = field(default_factory=list)
    _seen: dict[int, Any] = field(default_factory=dict)  # the objects are kept, so that no id is used again
    _depth: int = 0

    def visit(self, value: Any, inside: str, *, is_referred: bool) -> str:
        """Add the functions that a call of the value in the function `inside` calls; the name of its own one, or `inside`."""
        if id(value) in self._seen or self._depth >= _DEEPEST or len(self.found) >= _MOST:
            return inside
        self._seen[id(value)] = value
        self._depth += 1
        try:
            if issubclass(type(value), type):
                self._visit_class(value, inside, is_referred)
                return inside
            if is_function(value):
                inside = self._add(Called(value, inside, is_referred))
            elif (call := class_attribute(type(value), "__call__")) is not None:
                inside = self.visit(call, inside, is_referred=is_referred)
            for part in _called_parts(value):
                self.visit(part, inside, is_referred=is_referred)
            for part in _members(_referred_parts(value)):
                if _is_followed(part):
                    self.visit(part, inside, is_referred=True)
            return inside
        finally:
            self._depth -= 1

    def _add(self, called: Called) -> str:
        code = called.function.__code__
        if str(called.function.__globals__.get("__name__", "")).startswith(_MACHINERY):
            self.machinery.append(called)
            return called.inside
        if called.is_referred and is_library(code.co_filename):
            return called.inside
        self.found.append(called)
        return code.co_qualname

    def _visit_class(self, value: type, inside: str, is_referred: bool) -> None:
        """What makes an instance."""
        for owner, name in ((type(value), "__call__"), (value, "__new__"), (value, "__init__")):
            within = self.visit(class_attribute(owner, name), inside, is_referred=is_referred)
        if (post := class_attribute(value, "__post_init__")) is not None:
            self.visit(post, within, is_referred=is_referred)


def _called_parts(value: Any) -> Iterator[Any]:
    """What a call of the value calls for certain."""
    kind = type(value)
    if issubclass(kind, MethodType | staticmethod | classmethod):
        yield value.__func__
    elif issubclass(kind, functools.partial | functools.partialmethod | functools.cached_property):
        yield value.func
    elif issubclass(kind, functools.singledispatchmethod):
        yield value.dispatcher
    elif issubclass(kind, property):
        yield from (part for part in (value.fget, value.fset, value.fdel) if part is not None)
    else:
        attributes = _attributes(value)
        if "__wrapped__" in attributes:
            yield attributes["__wrapped__"]
        if is_function(value) and issubclass(type(attributes.get("registry")), MappingProxyType):  # functools.singledispatch
            yield from attributes["registry"].values()


def _referred_parts(value: Any) -> Iterator[Any]:
    """What the value keeps, perhaps to call it later."""
    kind = type(value)
    if is_function(value):
        for cell in value.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # it is empty
                continue
    elif issubclass(kind, functools.partial | functools.partialmethod):
        yield from value.args
        yield from value.keywords.values()
    elif not issubclass(kind, MethodType):
        yield from _attributes(value).values()


def _members(parts: Iterable[Any]) -> Iterator[Any]:
    """The parts, and the members of those that are lists, tuples and dictionaries."""
    for part in parts:
        if type(part) in (list, tuple):
            yield from part[:_MOST]
        elif type(part) is dict:
            yield from list(part.values())[:_MOST]
        else:
            yield part


def _is_followed(part: Any) -> bool:
    """Whether it is a callable of a user: no class, whose use is not known, and no node, which has lines of its own."""
    kind = type(part)
    if issubclass(kind, type | ModuleType) or str(kind.__module__).startswith("pocket_lab."):
        return False
    return callable(part) or issubclass(kind, staticmethod | functools.singledispatchmethod)


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes that an instance has itself, those in slots too."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
    found: dict[str, Any] = dict(own) if issubclass(type(own), dict) else {}
    for owner in type(value).__mro__:
        names = owner.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            slot = owner.__dict__.get(name)
            if inspect.ismemberdescriptor(slot):
                try:
                    found.setdefault(name, slot.__get__(value))
                except AttributeError:  # it is not set
                    continue
    return found
