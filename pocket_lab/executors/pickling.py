"""Pickling of objects for another process: cloudpickle, plus what it leaves out, and a record of what the objects refer to."""

from __future__ import annotations

import functools
import importlib
import io
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import _GeneratorContextManagerBase
from contextvars import Context, ContextVar
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import IO, Any

import cloudpickle

_Cached = type(functools.cache(lambda: None))
_DISPATCHER = functools.singledispatch(lambda _: None).__code__  # type: ignore[attr-defined]
_NAMES = ("__module__", "__name__", "__qualname__", "__doc__", "__wrapped__")
_tokens: dict[ContextVar[Any], str] = {}  # of the context variables that this process has sent or received, and back
_variables: dict[str, ContextVar[Any]] = {}


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's pickler with eight additions.

    Functions keep the name of their file (cloudpickle 3.1.3 drops it), which tracebacks and profiles need.
    Cached functions that another process cannot import are pickled by value, with an empty cache.
    So are cached properties, whose locks (before Python 3.12) cannot be pickled, and dispatchers of functools.singledispatch
    and its methods, whose caches have weak references.
    A method of a class is found by its name there; cloudpickle would send its function by value, and all that this refers to.
    Context managers of contextlib that nobody has entered, such as those that decorate a function, are rebuilt.
    Context variables are pickled without their values; each is one object in another process too, however often it is sent.
    Errors are pickled as their classes say, also where a library (Dask's) has registered a way that adds causes and tracebacks.

    It records to what the objects refer: `modules` by name, `variables`, `names` in the code of functions that are pickled by
    value, and `main`, the functions and classes of the main module by name.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.modules: set[str] = set()
        self.names: set[str] = set()
        self.variables: list[ContextVar[Any]] = []
        self.main: dict[str, Any] = {}

    def reducer_override(self, value: Any) -> Any:
        """How to rebuild an object, for the kinds that are not left to pickle."""
        kind = type(value)
        if kind is _Cached and not _is_importable(value):
            return _cached, (value.__wrapped__, value.cache_parameters())
        if kind is FunctionType and value.__code__ is _DISPATCHER and not _is_importable(value):
            return _dispatcher, (value.__name__,), _implementations(value), None, None, _register
        if kind is functools.singledispatchmethod:
            return functools.singledispatchmethod, (value.func,), value.dispatcher, None, None, _set_dispatcher
        if kind is MethodType and isinstance(owner := value.__self__, type) and getattr(owner, value.__name__, None) == value:
            return getattr, (owner, value.__name__)
        if kind is functools.cached_property:
            return _cached_property, (value.func, value.attrname)
        if issubclass(kind, _GeneratorContextManagerBase) and hasattr(value, "func"):  # it loses that when it is entered
            return kind, (value.func, value.args, value.kwds)
        if kind is CodeType:
            self.names.update(value.co_names)
            return _code, (value.co_filename, *self.dispatch_table[CodeType](value))
        if kind is ContextVar:
            self.variables.append(value)
            return _reduce_variable(value)
        if issubclass(kind, BaseException):
            return value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        if kind is FunctionType or kind is BuiltinFunctionType or issubclass(kind, type | ModuleType):
            self._note(value)
        return super().reducer_override(value)

    def _note(self, value: Any) -> None:
        module = value.__name__ if isinstance(value, ModuleType) else value.__module__
        if module == "__main__":
            name = getattr(value, "__qualname__", None)
            if getattr(sys.modules["__main__"], str(name), None) is value:
                self.main[str(name)] = value
        elif module is not None:
            self.modules.add(str(module))


class Namespace:
    """The attributes of a module that was made by hand, as the globals of its functions in another process."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __reduce__(self) -> tuple[Callable[[str], dict[str, Any]], tuple[str]]:
        return _namespace, (self._module,)


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


def _namespace(module: str) -> dict[str, Any]:
    return vars(sys.modules[module])


def _reduce_variable(variable: ContextVar[Any]) -> tuple[Any, ...]:
    """A context variable as an attribute of its module, or rebuilt with its name and its default."""
    if variable not in _tokens and (home := _home(variable)) is not None:
        return _attribute, home
    if variable not in _tokens:
        _tokens[variable] = os.urandom(8).hex()
        _variables[_tokens[variable]] = variable
    try:
        default: tuple[Any, ...] = (Context().run(variable.get),)
    except LookupError:
        default = ()
    return _variable, (_tokens[variable], variable.name, *default)


def _home(variable: ContextVar[Any]) -> tuple[str, str] | None:
    """A loaded module, other than the main one, and the name under which it holds the variable."""
    for name, module in list(sys.modules.items()):
        if name not in ("__main__", "__mp_main__"):
            for attribute, value in list(getattr(module, "__dict__", {}).items()):
                if value is variable:
                    return name, attribute
    return None


def _attribute(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _variable(token: str, name: str, *default: Any) -> ContextVar[Any]:
    if token not in _variables:
        made: ContextVar[Any] = ContextVar(name, default=default[0]) if default else ContextVar(name)
        _variables[token], _tokens[made] = made, token
    return _variables[token]
