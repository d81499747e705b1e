"""Call a function as soon as a module has been imported, so that nothing is imported for its sake."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # which loads much

Callback = Callable[[ModuleType], object]


def when_imported(name: str, callback: Callback) -> None:
    """Call `callback(module)` now if the module is loaded, otherwise right after its import; the callback must not raise."""
    if (module := sys.modules.get(name)) is not None:
        callback(module)
        return
    _WAITING.setdefault(name, []).append(callback)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


class _Finder:
    """Finds only the modules that somebody waits for, through the other finders."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in _WAITING:
            return None
        for finder in sys.meta_path:
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find_spec is None else find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = cast("Loader", _Loader(spec.loader))
                return spec
        return None


class _Loader:
    """The loader that was found, which is in its place again when the code of the module runs."""

    def __init__(self, found: Loader) -> None:
        self._found = found

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._found.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._found
        self._found.exec_module(module)
        for callback in _WAITING.pop(module.__name__, ()):
            callback(module)
        if not _WAITING and _FINDER in sys.meta_path:
            sys.meta_path.remove(_FINDER)


_WAITING: dict[str, list[Callback]] = {}
_FINDER = _Finder()
