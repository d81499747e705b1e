"""Whether the modules that a target uses are in the measuring process what they are in the kernel.

The measuring process imports them from their files. A module that was edited and not reloaded, and one on which somebody has
set an attribute, differ there; which attributes do is known once both have been looked at.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from pocket_lab.executors.world.modules import is_installed, is_made
from pocket_lab.measure.code_version import global_names, names, own_version, user_code

Versions = dict[str, str]
_OURS = __name__.partition(".")[0]
_LISTED = 5
_ALIKE = (FunctionType, BuiltinFunctionType, type, int, float, str, bytes, tuple)  # kinds that are the same in every process


def versions_here(targets: Iterable[Any]) -> dict[str, Versions]:
    """By module, the versions of the attributes that the code of the targets reaches; a dotted one is of a class.

    Of a module that is installed only those count that the code names itself, and those that the main module has set. What the
    interpreter's own modules collect or open, such as `sys.modules` and `sys.stderr`, is of its process.
    """
    found: dict[str, Versions] = {}
    for module, name, value in _reached(targets):
        is_of_process = not _has_file(module) and not isinstance(value, _ALIKE)
        version = None if name.startswith("__") or is_of_process else own_version(value)
        if version is not None:
            found.setdefault(module.__name__, {})[name] = version
    return found


def differing(module: ModuleType, expected: Mapping[str, str]) -> list[str]:
    """The attributes whose version is another one in this process, or that are missing in it."""
    found = []
    for name, version in expected.items():
        try:
            here = own_version(attrgetter(name)(module))
        except AttributeError:
            found.append(name)
            continue
        if here not in (None, version):
            found.append(name)
    return found


def difference_message(module: ModuleType, attributes: list[str]) -> str:
    """What a user should know of attributes that differ."""
    name, more = module.__name__, len(attributes) - _LISTED
    listed = ", ".join(attributes[:_LISTED]) + (f" and {more} more" if more > 0 else "")
    are = "are not those" if len(attributes) > 1 else "is not that"
    reload = "" if is_installed(module) else f"reload {name} if its file was edited, or "
    imported = f"the measuring process has imported {name} from its file, and {listed}"
    what = imported if _has_file(module) else f"in the measuring process {listed} of the module {name}"
    return f'{what} {are} of the calling process: {reload}measure in place with isolation="kernel"'


def _has_file(module: ModuleType) -> bool:
    """Whether it is not a part of the interpreter."""
    return getattr(module, "__file__", None) is not None


def _reached(targets: Iterable[Any]) -> Iterator[tuple[ModuleType, str, Any]]:
    """The attributes of modules that the code of the targets reaches, through imports inside functions too."""
    seen: set[tuple[str, str]] = set()
    known: dict[int, FunctionType | type] = {}
    waiting = user_code(*targets)
    while waiting:
        code = waiting.pop()
        if id(code) in known:
            continue
        known[id(code)] = code
        for module, name, value in (*_home(code), *(_used(code) if isinstance(code, FunctionType) else ())):
            if (module.__name__, name) not in seen and _counts(module):
                seen.add((module.__name__, name))
                waiting += user_code(value) if isinstance(value, FunctionType | type) and id(value) not in known else []
                yield module, name, value


def _counts(module: ModuleType) -> bool:
    """Not the main module, whose objects are sent, nor those made by hand, which are too, nor this package."""
    name = module.__name__
    return name not in ("__main__", "__mp_main__") and not is_made(module) and name.partition(".")[0] != _OURS


def _home(code: FunctionType | type) -> Iterator[tuple[ModuleType, str, Any]]:
    """The attribute of its module in which a function or class is; none for one that is sent itself, with its globals."""
    module, (name, dot, _) = sys.modules.get(str(code.__module__)), code.__qualname__.partition(".")
    holder = None if module is None or "<locals>" in code.__qualname__ else vars(module).get(name)
    if module is not None and (holder is code or (dot and isinstance(holder, type))):
        yield module, name, holder


def _used(function: FunctionType) -> Iterator[tuple[ModuleType, str, Any]]:
    """The globals that a function names, and the attributes of modules that it names."""
    space, named = function.__globals__, names(function.__code__)
    used = {name: space[name] for name in global_names(function.__code__) if name in space}
    for module, _, _ in _home(function):
        if vars(module) is space:
            yield from ((module, name, value) for name, value in used.items())
    modules = [value for value in used.values() if isinstance(value, ModuleType)]
    modules += [sys.modules[name] for name in _imports(function.__code__) if name in sys.modules]
    seen: set[str] = set()
    while modules:
        one = modules.pop()
        if one.__name__ in seen:
            continue
        seen.add(one.__name__)
        members = {name: vars(one)[name] for name in named if name in vars(one)}
        yield from ((one, name, value) for name, value in members.items())
        modules += [value for value in members.values() if isinstance(value, ModuleType)]
        if is_installed(one):
            yield from ((one, name, value) for name, value in _set_by_main(one))


def _set_by_main(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions of the main module that were set on another one, or on a class in it."""
    for name, value in list(vars(module).items()):
        if isinstance(value, FunctionType) and value.__module__ == "__main__":
            yield name, value
        elif isinstance(value, type):
            for member, inner in list(vars(value).items()):
                if isinstance(inner, FunctionType) and inner.__module__ == "__main__":
                    yield f"{name}.{member}", inner


def _imports(code: CodeType) -> Iterator[str]:
    """The modules that a code object and those inside it import."""
    yield from (step.argval for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)
