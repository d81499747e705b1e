"""Objects as bytes for another process: what cloudpickle takes, with every function's file, and cached functions of cells."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from types import CodeType
from typing import Any

import cloudpickle

_Cached = type(functools.cache(lambda: None))


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's, with two things added.

    Functions keep the name of their file (cloudpickle 3.1.3 drops it), by which tracebacks and profiles tell where they stand.
    Cached functions that another process could not find by name are sent by value, their cache empty.
    """

    def reducer_override(self, thing: Any) -> Any:
        """How to rebuild an object, for the kinds that are not left to pickle."""
        if type(thing) is _Cached and not _has_place(thing):
            return _cached, (thing.__wrapped__, thing.cache_parameters())
        if type(thing) is CodeType:
            return _code, (thing.co_filename, *self.dispatch_table[CodeType](thing))
        return super().reducer_override(thing)


def _has_place(thing: Any) -> bool:
    """Whether another process finds it by its module and name."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "<locals>")
    return module not in (None, "__main__", "__mp_main__") and "<locals>" not in name


def dumps(thing: Any) -> bytes:
    """The object pickled; raises whatever its class raises where it cannot be."""
    buffer = io.BytesIO()
    Pickler(buffer).dump(thing)
    return buffer.getvalue()


def _code(file: str, build: Callable[..., CodeType], arguments: tuple[Any, ...]) -> CodeType:
    return build(*arguments).replace(co_filename=file)


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    cached: Callable[..., Any] = functools.lru_cache(**parameters)(function)
    return cached
