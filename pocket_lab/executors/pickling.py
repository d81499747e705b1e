"""Pickling of objects for another process: cloudpickle, plus the files of functions and cached functions of cells."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from types import CodeType
from typing import Any

import cloudpickle

_Cached = type(functools.cache(lambda: None))


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler with two additions.

    Functions keep the name of their file (cloudpickle 3.1.3 drops it), which tracebacks and profiles need.
    Cached functions that another process cannot import are pickled by value, with an empty cache.
    """

    def reducer_override(self, value: Any) -> Any:
        """How to rebuild an object, for the kinds that are not left to pickle."""
        if type(value) is _Cached and not _is_importable(value):
            return _cached, (value.__wrapped__, value.cache_parameters())
        if type(value) is CodeType:
            return _code, (value.co_filename, *self.dispatch_table[CodeType](value))
        return super().reducer_override(value)


def _is_importable(value: Any) -> bool:
    """Whether another process finds it by its module and name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "<locals>")
    return module not in (None, "__main__", "__mp_main__") and "<locals>" not in name


def dumps(value: Any) -> bytes:
    """The object pickled; raises the exception of its class if it cannot be pickled."""
    buffer = io.BytesIO()
    Pickler(buffer).dump(value)
    return buffer.getvalue()


def _code(file: str, build: Callable[..., CodeType], arguments: tuple[Any, ...]) -> CodeType:
    return build(*arguments).replace(co_filename=file)


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    cached: Callable[..., Any] = functools.lru_cache(**parameters)(function)
    return cached
