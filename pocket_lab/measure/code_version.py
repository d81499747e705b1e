"""The version of a target's code: a hash that changes with what would run, and not with where it stands."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from pocket_lab.graph.callables import declared
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.runtime.fan_out import FanOutPlan
from pocket_lab.graph.runtime.plan import Plan

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), type(Ellipsis), range, slice)
_LIBRARIES = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_OURS = Path(__file__).resolve().parent.parent
_MOST_ELEMENTS = 1000
_MISSING = object()


def code_version(*targets: Any) -> str | None:
    """32 hexadecimal digits for graphs, callables and what they use; None where they are nested too deeply to follow.

    Of a function count its byte code, constants, defaults, the variables of its closure and the globals that it names, each
    in turn; of a class its members; of an object its type and attributes; of a collection its length and first 1,000 elements.
    Libraries count by name, arrays and frames by type and shape. Comments and line numbers do not count. Stable between
    processes of one version of Python.
    """
    walk = _Walk()
    try:
        for target in targets:
            walk.visit(target)
    except RecursionError:
        return None
    return walk.digest.hexdigest()


def own_version(obj: Any) -> str | None:
    """As `code_version`, without the globals that its functions name."""
    walk = _Walk(follows_globals=False)
    try:
        walk.visit(obj)
    except RecursionError:
        return None
    return walk.digest.hexdigest()


def user_code(*targets: Any) -> list[FunctionType | type]:
    """The functions and classes of the user's that count for the `code_version` of the targets."""
    walk = _Walk()
    try:
        for target in targets:
            walk.visit(target)
    except RecursionError:
        return []
    return walk.user_code


class _Walk:
    def __init__(self, follows_globals: bool = True) -> None:
        self.digest = hashlib.blake2b(digest_size=16)
        self.user_code: list[FunctionType | type] = []
        self._follows_globals = follows_globals
        self._seen: dict[int, tuple[int, Any]] = {}  # with the object itself, so that its id stays its own

    def visit(self, obj: Any) -> None:
        """Add an object; a mutable one that was visited before counts by the number of that visit, which also ends circles.

        Constants are not looked up: whether two equal ones are one object depends on what was compiled together.
        """
        kind = type(obj)  # not its __class__, which a Mock makes up
        if issubclass(kind, _PLAIN):
            self._text(type(obj).__name__, repr(obj))
        elif issubclass(kind, CodeType):
            self._code(obj)
        elif issubclass(kind, tuple):
            self._all(f"tuple of {len(obj)}", obj[:_MOST_ELEMENTS])
        elif id(obj) in self._seen:
            self._text("again", str(self._seen[id(obj)][0]))
        else:
            self._seen[id(obj)] = (len(self._seen), obj)
            self._visit_first(obj)

    def _visit_first(self, obj: Any) -> None:
        kind = type(obj)
        if issubclass(kind, FunctionType):
            self._function(obj)
        elif issubclass(kind, MethodType):
            self._all("method", (obj.__func__, obj.__self__))
        elif issubclass(kind, functools.partial):
            self._all("partial", (obj.func, obj.args, obj.keywords))
        elif issubclass(kind, Graph):
            routes = {name: {action: node.name for action, node in leads.items()} for name, leads in obj.routes.items()}
            self._all("graph", (list(obj.nodes.values()), routes))
        elif issubclass(kind, Plan):  # of a graph inside another
            inner = {name: {action: node.name for action, node in leads.items()} for name, leads in obj.source.routes.items()}
            self._all("graph", (list(dict.fromkeys(obj.source.nodes())), inner))
        elif issubclass(kind, FanOutPlan):
            self._all("graphs", obj.plans)
        elif issubclass(kind, Mapping) and kind.__module__ in ("builtins", "collections", "types"):
            self._all(f"mapping of {len(obj)}", [part for item in islice(obj.items(), _MOST_ELEMENTS) for part in item])
        elif issubclass(kind, list):
            self._all(f"list of {len(obj)}", obj[:_MOST_ELEMENTS])
        elif issubclass(kind, set | frozenset):
            self._all(f"set of {len(obj)}", sorted(map(_element, obj)) if len(obj) <= _MOST_ELEMENTS else ())
        elif issubclass(kind, type):
            self._class(obj)
        elif issubclass(kind, ModuleType | BuiltinFunctionType):
            self._text("name", f"{getattr(obj, '__module__', '')}.{obj.__name__}")
        elif (wrapped := inspect.getattr_static(obj, "__wrapped__", None)) is not None:  # a cache, or another decorator
            self._all(type(obj).__qualname__, (wrapped,))
        else:
            self._object(obj)

    def _all(self, kind: str, parts: Iterable[Any]) -> None:
        self._text("begin", kind)
        for part in parts:
            self.visit(part)
        self._text("end", kind)

    def _text(self, kind: str, text: str) -> None:
        for part in (kind, text):
            data = part.encode("utf-8", "surrogatepass")
            self.digest.update(b"%d:" % len(data))
            self.digest.update(data)

    def _function(self, function: FunctionType) -> None:
        cells = [_contents(cell) for cell in function.__closure__ or ()]
        if _is_of_library(function):  # a decorator of a library holds the user's function in its closure
            self._all("library", (f"{function.__module__}.{function.__qualname__}", cells))
            return
        self.user_code.append(function)
        self._all("function", (function.__code__, function.__defaults__, function.__kwdefaults__, cells))
        if self._follows_globals:
            self._all("globals", [part for name in global_names(function.__code__) for part in _global(function, name)])

    def _code(self, code: CodeType) -> None:
        self._text("code", code.co_code.hex())
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        self._all("shape", (*shape, code.co_names, code.co_varnames, code.co_freevars, code.co_consts))
        self._text("exceptions", getattr(code, "co_exceptiontable", b"").hex())

    def _class(self, cls: type) -> None:
        self._text("class", f"{cls.__module__}.{cls.__qualname__}" if _is_of_library(cls) else cls.__qualname__)
        if not _is_of_library(cls):
            self.user_code.append(cls)
            hidden = ("__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__")
            members = {name: _unbound(member) for name, member in vars(cls).items() if name not in hidden}
            self._all("members", (cls.__bases__, members))

    def _object(self, obj: Any) -> None:
        self.visit(type(obj))
        if is_dataclass(obj):
            self._all("fields", [declared(obj, field.name) for field in fields(obj)])
        elif not _is_of_library(type(obj)):
            self.visit(dict(sorted(_attributes(obj).items())))
        else:
            self._text("shape", _shape(obj))


def _attributes(obj: Any) -> dict[str, Any]:
    """Those of the object itself, also where its class makes up others."""
    try:
        found: dict[str, Any] = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return {}
    return found


def _global(function: FunctionType, name: str) -> tuple[Any, ...]:
    """A global that a function names, with the members of a module of the user's that it names too; empty for a builtin."""
    found = function.__globals__.get(name, _MISSING)
    if found is _MISSING:
        return ()
    if isinstance(found, ModuleType) and not _is_of_library(found):
        members = [vars(found).get(member, None) for member in names(function.__code__) if member in vars(found)]
        return (name, found, members)
    return (name, found)


def global_names(code: CodeType) -> list[str]:
    """The globals that a code object and those inside it load, in order."""
    loaded = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in global_names(constant)]
    return list(dict.fromkeys((*loaded, *inner)))


def _shape(obj: Any) -> str:
    """The shape and type of an array or a frame; "" for anything else."""
    shape = declared(obj, "shape")
    if not isinstance(shape, tuple):
        return ""
    try:
        return f"{shape} {declared(obj, 'dtype') or ''}"
    except Exception:  # any class may fail to answer
        return ""


def names(code: CodeType) -> list[str]:
    """The names of globals and attributes in a code object and in those inside it."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in names(constant)]
    return list(dict.fromkeys((*code.co_names, *inner)))


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return None


def _element(element: Any) -> str:
    """A text for an element of a set, which has no order."""
    return code_version(element) or "" if isinstance(element, (*_PLAIN, tuple, frozenset)) else type(element).__qualname__


def _unbound(member: Any) -> Any:
    """The function of a property, a static or a class method."""
    if isinstance(member, property):
        return (member.fget, member.fset, member.fdel)
    return getattr(member, "__func__", member)


def _is_of_library(obj: Any) -> bool:
    """Whether it comes from the standard library, an installed package or Pocket Lab, or from no file at all."""
    name = obj.__name__ if isinstance(obj, ModuleType) else getattr(obj, "__module__", None)
    if name == "__main__":
        return False
    file = getattr(sys.modules.get(name or ""), "__file__", None)
    if isinstance(obj, FunctionType):
        file = obj.__code__.co_filename if file is None else file
    if file is None:
        return True
    path = Path(file).resolve()
    return any(path.is_relative_to(folder) for folder in (*_LIBRARIES, _OURS))
