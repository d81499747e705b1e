"""Options of libraries: where the caller has changed them, they are set in another process once it loads the library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pickle import loads
from types import ModuleType
from typing import Any, NamedTuple

from pocket_lab.executors.pickling import dumps
from pocket_lab.executors.world.on_import import when_imported

Option = tuple[str, str, bytes | None]
"""A library, an option that differs from its default, and the value pickled, None where that is impossible."""


class _Library(NamedTuple):
    """How to read the options that differ from the library's defaults, and how to set one."""

    changed: Callable[[ModuleType], dict[str, Any]]
    set: Callable[[ModuleType, str, Any], object]


def changed_options() -> list[Option]:
    """The options that were changed, of the libraries that are loaded."""
    found: list[Option] = []
    for name, library in _LIBRARIES.items():
        module = sys.modules.get(name)
        values = {} if module is None else library.changed(module)
        found += [(name, key, _pickled(value)) for key, value in values.items()]
    return found


def set_options(options: Iterable[Option]) -> None:
    """Set them in the libraries that are loaded now, and in each other one as soon as it is."""
    for option in options:
        when_imported(option[0], _Setting(option))


class _Setting:
    def __init__(self, option: Option) -> None:
        self._option = option

    def __call__(self, module: ModuleType) -> None:
        library, key, value = self._option
        if value is not None:
            with suppress(Exception):  # a version of the library may refuse a value, and an import must not fail for it
                _LIBRARIES[library].set(module, key, loads(value))


def _pickled(value: Any) -> bytes | None:
    try:
        return dumps(value)
    except Exception:  # any class may fail to pickle in its own way
        return None


def _changed_in_pandas(pandas: ModuleType) -> dict[str, Any]:
    """From its registry: the public function warns where an option is deprecated."""
    registry = sys.modules.get("pandas._config.config")
    values: dict[str, Any] = getattr(registry, "_global_config", {})
    changed = {}
    for key, option in list(getattr(registry, "_registered_options", {}).items()):
        value: Any = values
        for part in key.split("."):
            value = value.get(part, option.defval) if isinstance(value, dict) else option.defval
        if value is not option.defval and value != option.defval:
            changed[key] = value
    return changed


def _set_in_pandas(pandas: ModuleType, key: str, value: Any) -> None:
    pandas.set_option(key, value)


def _changed_in_matplotlib(matplotlib: ModuleType) -> dict[str, Any]:
    """Without the backend, which an environment variable says, and which reading loads."""
    defaults, values = getattr(matplotlib, "rcParamsDefault", {}), getattr(matplotlib, "rcParams", {})
    return {key: values[key] for key in defaults if not key.startswith("backend") and values[key] != defaults[key]}


def _set_in_matplotlib(matplotlib: ModuleType, key: str, value: Any) -> None:
    matplotlib.rcParams[key] = value


_LIBRARIES = {
    "pandas": _Library(_changed_in_pandas, _set_in_pandas),
    "matplotlib": _Library(_changed_in_matplotlib, _set_in_matplotlib),
}
