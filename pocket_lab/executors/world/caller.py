"""What a call finds in the context of its caller: context variables, the decimal context, the error state of numpy.

And the modules made by hand that it uses, which another process cannot import.
"""

from __future__ import annotations

import contextvars
import io
import sys
from collections.abc import Callable
from pickle import loads
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import cloudpickle

from pocket_lab.executors.pickling import Namespace, Pickler, dumps
from pocket_lab.executors.world.modules import carry_made, is_made, reached_modules

T = TypeVar("T")
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_NUMPY_PRINT = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
}
_OF_A_MODULE = ("__builtins__", "__spec__", "__loader__", "__name__", "__package__")


class Caller(NamedTuple):
    """The caller of a call, for another process.

    `variables` are context variables with values, each pickled, `made` the pickled attributes of modules by name. `decimal` is
    a context of that module, `numpy` pickled settings; None where they are as a new process has them. `unsent` names what
    cannot be pickled.
    """

    variables: tuple[bytes, ...] = ()
    made: tuple[tuple[str, bytes], ...] = ()
    decimal: Any = None
    numpy: bytes | None = None
    unsent: tuple[str, ...] = ()

    @classmethod
    def here(cls, sent: Pickler) -> Caller:
        """The caller of this function, as far as what was pickled by `sent` refers to it."""
        collected = _Collected()
        collected.add_modules(sent)
        collected.add_variables(sent)
        numpy = _numpy_settings()
        return cls(
            variables=tuple(collected.variables),
            made=tuple(collected.made.items()),
            decimal=_decimal_context(),
            numpy=None if numpy is None else collected.pickled("the settings of numpy", numpy),
            unsent=tuple(dict.fromkeys(collected.unsent)),
        )

    def prepare(self) -> None:
        """Make the modules known, before what refers to them is loaded."""
        carry_made(dict(self.made))

    def context(self) -> CallContext:
        """The variables and settings, unpickled."""
        errors, printing = ({}, {}) if self.numpy is None else loads(self.numpy)
        return CallContext([loads(pickled) for pickled in self.variables], self.decimal, errors, printing)


class CallContext(NamedTuple):
    """The context variables and settings of a caller, with their values in this process."""

    variables: list[tuple[contextvars.ContextVar[Any], Any]]
    decimal: Any
    numpy_errors: dict[str, Any]
    numpy_printing: dict[str, Any]

    def enter(self) -> None:
        """Set them in the present context."""
        for variable, value in self.variables:
            variable.set(value)
        if self.decimal is not None:
            import decimal

            decimal.setcontext(self.decimal.copy())
        if self.numpy_errors or self.numpy_printing:
            import numpy

            numpy.seterr(**self.numpy_errors)
            numpy.set_printoptions(**self.numpy_printing)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of the function, called in a context of its own that is the caller's."""
        context = contextvars.copy_context()
        context.run(self.enter)
        return context.run(function, *arguments)


class _Collected:
    """What is sent, and the names of what cannot be."""

    def __init__(self) -> None:
        self.variables: list[bytes] = []
        self.made: dict[str, bytes] = {}
        self.unsent: list[str] = []
        self.modules: list[ModuleType] = []

    def add_modules(self, sent: Pickler) -> None:
        """The modules that are reached from what was pickled, with the attributes of those made by hand."""
        names = {*sent.modules, *sent.names}
        while True:
            self.modules = reached_modules(names)
            open_modules = [module for module in self.modules if is_made(module) and module.__name__ not in self.made]
            if not open_modules:
                return
            for module in open_modules:
                self.made[module.__name__], more = self._attributes(module)
                names |= more

    def add_variables(self, sent: Pickler) -> None:
        """The context variables that are reached and have a value here."""
        values = contextvars.copy_context()
        held = (value for module in self.modules for value in list(vars(module).values()))
        reached = [value for value in (*sent.variables, *held) if type(value) is contextvars.ContextVar]
        for variable in dict.fromkeys(reached):
            if variable in values:
                pickled = self.pickled(f'the context variable "{variable.name}"', (variable, values[variable]))
                self.variables += [] if pickled is None else [pickled]

    def pickled(self, what: str, value: Any) -> bytes | None:
        """The value pickled; None, and `what` among the unsent, where it cannot be."""
        try:
            return dumps(value)
        except Exception:  # any class may fail to pickle in its own way
            self.unsent.append(what)
            return None

    def _attributes(self, module: ModuleType) -> tuple[bytes, set[str]]:
        """The attributes of a module that can be pickled, and the names of modules to which they refer."""
        members = {name: value for name, value in vars(module).items() if name not in _OF_A_MODULE}
        try:
            return _pickle_members(module, members)
        except Exception:  # as above: then without those that cannot be
            kept = {name: value for name, value in members.items() if self._can_be_sent(module, name, value)}
            return _pickle_members(module, kept)

    def _can_be_sent(self, module: ModuleType, name: str, value: Any) -> bool:
        try:
            _pickle_members(module, {name: value})
        except Exception:  # as above
            self.unsent.append(f"{module.__name__}.{name}")
            return False
        return True


def _pickle_members(module: ModuleType, members: dict[str, Any]) -> tuple[bytes, set[str]]:
    """Functions and classes of the module go by value, and the functions find its attributes as their globals."""
    buffer = io.BytesIO()
    pickler = Pickler(buffer)
    pickler.globals_ref[id(vars(module))] = Namespace(module.__name__)
    is_registered = module.__name__ in cloudpickle.list_registry_pickle_by_value()
    if not is_registered:
        cloudpickle.register_pickle_by_value(module)
    try:
        pickler.dump(members)
    finally:
        if not is_registered:
            cloudpickle.unregister_pickle_by_value(module)
    return buffer.getvalue(), {*pickler.modules, *pickler.names}


def _decimal_context() -> Any:
    """The present decimal context; None where it is as a new process has it."""
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    here = decimal.getcontext().copy()
    here.clear_flags()
    traps = [decimal.DivisionByZero, decimal.Overflow, decimal.InvalidOperation]
    fresh = decimal.Context(28, decimal.ROUND_HALF_EVEN, -999999, 999999, 1, 0, [], traps)
    return None if repr(here) == repr(fresh) else here


def _numpy_settings() -> tuple[dict[str, Any], dict[str, Any]] | None:
    """How numpy reports errors and prints arrays here, as far as it differs from a new process."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "geterr"):
        return None
    errors = {name: value for name, value in numpy.geterr().items() if value != _NUMPY_ERRORS.get(name)}
    printing = {name: value for name, value in numpy.get_printoptions().items() if value != _NUMPY_PRINT.get(name)}
    return (errors, printing) if errors or printing else None
