"""Pickling of objects for another process: cloudpickle, plus the files of functions and cached functions of cells."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import cloudpickle

_Cached = type(functools.cache(lambda: None))
_DISPATCHER = functools.singledispatch(lambda _: None).__code__  # type: ignore[attr-defined]
_NAMES = ("__module__", "__name__", "__qualname__", "__doc__", "__wrapped__")


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler with four additions.

    Functions keep the name of their file (cloudpickle 3.1.3 drops it), which tracebacks and profiles need.
    Cached functions that another process cannot import are pickled by value, with an empty cache.
    So are cached properties, whose locks (before Python 3.12) cannot be pickled, and dispatchers of functools.singledispatch
    and its methods, whose caches have weak references.
    """

    def reducer_override(self, value: Any) -> Any:
        """How to rebuild an object, for the kinds that are not left to pickle."""
        if type(value) is _Cached and not _is_importable(value):
            return _cached, (value.__wrapped__, value.cache_parameters())
        if type(value) is FunctionType and value.__code__ is _DISPATCHER and not _is_importable(value):
            return _dispatcher, (value.__name__,), _implementations(value), None, None, _register
        if type(value) is functools.singledispatchmethod:
            return functools.singledispatchmethod, (value.func,), value.dispatcher, None, None, _set_dispatcher
        if type(value) is functools.cached_property:
            return _cached_property, (value.func, value.attrname)
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


def _cached_property(function: Callable[[Any], Any], name: str | None) -> functools.cached_property[Any]:
    made = functools.cached_property(function)
    if name is not None:
        made.__set_name__(object, name)
    return made


def _dispatcher(name: str) -> Any:
    """A singledispatch without implementations: these may refer to it."""

    def missing(*args: Any, **options: Any) -> Any:
        raise TypeError(f"{name} has no implementation")

    missing.__name__ = name
    return functools.singledispatch(missing)


def _implementations(dispatcher: Any) -> tuple[dict[type, Callable[..., Any]], dict[str, Any]]:
    names = {name: getattr(dispatcher, name) for name in _NAMES if hasattr(dispatcher, name)}
    return dict(dispatcher.registry), names


def _register(dispatcher: Any, state: tuple[dict[type, Callable[..., Any]], dict[str, Any]]) -> None:
    implementations, names = state
    for kind, implementation in implementations.items():
        dispatcher.register(kind, implementation)
    for name, value in names.items():
        setattr(dispatcher, name, value)


def _set_dispatcher(method: Any, dispatcher: Any) -> None:
    method.dispatcher = dispatcher
