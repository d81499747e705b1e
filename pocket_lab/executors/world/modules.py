"""Modules that another process would not find by their name: made by hand, or loaded from a folder off the import path."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pickle import loads
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # which loads much

_MAIN = ("__main__", "__mp_main__")
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


Origin = tuple[str, tuple[str, ...] | None]
"""The file of a module, and of a package the folders of its modules."""


def stray_modules(path: Iterable[str]) -> dict[str, Origin]:
    """The loaded modules whose file is in no folder of the import path, or has another name than they."""
    known = set(path)
    found = {}
    for name, module in list(sys.modules.items()):
        if "." in name or name in _MAIN or name in sys.stdlib_module_names or not isinstance(module, ModuleType):
            continue
        spec = vars(module).get("__spec__")
        file, folders = getattr(spec, "origin", None), getattr(spec, "submodule_search_locations", None)
        if not isinstance(file, str) or not os.path.isabs(file):
            continue
        stem = os.path.dirname(file) if folders is not None else file
        if os.path.dirname(stem) not in known or os.path.basename(stem).partition(".")[0] != name:
            found[name] = file, None if folders is None else tuple(folders)
    return found


def is_made(module: object) -> bool:
    """Whether a module comes from no file and no importer: somebody has made it and put it into `sys.modules`."""
    if not isinstance(module, ModuleType) or module.__name__ in _MAIN:
        return False
    spec = vars(module).get("__spec__")
    if spec is None:
        return not vars(module).get("__file__")
    return isinstance(spec.loader, MadeLoader)


def is_installed(module: ModuleType) -> bool:
    """Whether a module belongs to Python, to an installed package or to Pocket Lab."""
    file = vars(module).get("__file__")
    return not isinstance(file, str) or file.startswith(_folders())


def reached_modules(names: Iterable[str]) -> list[ModuleType]:
    """The loaded modules of these names, and those that the user's own ones among them use in turn."""
    waiting, found = list(names), dict[str, ModuleType]()
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        if name in found or name in _MAIN or not isinstance(module, ModuleType):
            continue
        found[name] = module
        if is_made(module) or not is_installed(module):
            waiting += _used(module)
    return list(found.values())


def imported_names(code: CodeType) -> Iterator[str]:
    """What a code object and those inside it may import: their names that are loaded modules."""
    yield from (name for name in code.co_names if name in sys.modules)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from imported_names(constant)


def _used(module: ModuleType) -> Iterator[str]:
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType):
            yield value.__name__
        elif isinstance(value, FunctionType | type):
            yield str(value.__module__)
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                yield from imported_names(value.__code__)


class _Carried:
    """Finds what no other finder does: the modules that were carried into this process."""

    def __init__(self) -> None:
        self.files: dict[str, Origin] = {}
        self.made: dict[str, bytes] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname in self.made:
            return ModuleSpec(fullname, cast("Loader", MadeLoader(self.made[fullname])), origin="made by hand")
        if (origin := self.files.get(fullname)) is not None:
            from importlib.util import spec_from_file_location  # here, since most processes do without

            file, folders = origin
            search = None if folders is None else list(folders)
            return spec_from_file_location(fullname, file, submodule_search_locations=search)
        return None


class MadeLoader:
    """Fills a module with its pickled attributes."""

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled

    def create_module(self, spec: ModuleSpec) -> None:
        """A plain module."""

    def exec_module(self, module: ModuleType) -> None:
        """Set its attributes."""
        vars(module).update(loads(self.pickled))


def carry_files(files: Mapping[str, Origin]) -> None:
    """Let this process find modules by these files, where it does not by their name."""
    _CARRIED.files.update(files)
    _install()


def carry_made(made: Mapping[str, bytes]) -> None:
    """Let this process find modules that were made by hand; one that was loaded and has changed gets its new attributes."""
    for name, pickled in made.items():
        is_new = _CARRIED.made.get(name) != pickled
        _CARRIED.made[name] = pickled
        module = sys.modules.get(name)
        if is_new and module is not None and is_made(module):
            MadeLoader(pickled).exec_module(module)
    _install()


def _install() -> None:
    if (_CARRIED.files or _CARRIED.made) and _CARRIED not in sys.meta_path:
        sys.meta_path.append(_CARRIED)


@functools.cache
def _folders() -> tuple[str, ...]:
    """The folders of Python and its packages, each as it is written and as it resolves, and that of this package."""
    import sysconfig  # here, since most processes do without

    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple({folder + os.sep for path in paths for folder in (path, os.path.realpath(path))} | {_PACKAGE + os.sep})


_CARRIED = _Carried()
