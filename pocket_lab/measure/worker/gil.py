"""The interpreter lock of a free-threaded Python: whether it is on before and after the imports, and who turned it on.

Such an interpreter turns the lock on, for good, when it imports an extension module that does not declare to do without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ExtensionFileLoader
from typing import Any

from pocket_lab.executors.worker_state import STATE
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment

_STEPS = ("create_module", "exec_module")


def is_gil_enabled() -> bool | None:
    """Whether the lock is on now; None for an interpreter that is not free-threaded, where it always is."""
    return sys._is_gil_enabled() if "t" in sys.abiflags and hasattr(sys, "_is_gil_enabled") else None


class GilWatch:
    """The state of the lock when it was made, and the extension module that has turned it on since; None where none has."""

    def __init__(self) -> None:
        self.at_start = is_gil_enabled()
        self.enabled_by: str | None = None
        self._steps: dict[str, Any] = {}
        if self.at_start is False:
            self._steps = {step: getattr(ExtensionFileLoader, step) for step in _STEPS}
            for step, found in self._steps.items():
                setattr(ExtensionFileLoader, step, self._watched(found))

    def _watched(self, step: Callable[[ExtensionFileLoader, Any], Any]) -> Callable[[ExtensionFileLoader, Any], Any]:
        def load(loader: ExtensionFileLoader, what: Any) -> Any:
            done = step(loader, what)
            if self.enabled_by is None and is_gil_enabled():  # of extensions that import each other the inner one is first
                self.enabled_by = loader.name
            return done

        return load

    def close(self) -> None:
        """Look no longer."""
        while self._steps:
            setattr(ExtensionFileLoader, *self._steps.popitem())


def watch_gil() -> None:
    """Watch the lock of this process from now on, if it can be off."""
    if is_gil_enabled() is not None:
        STATE.get_or_create(GilWatch, GilWatch)


def gil_caveats(environment: Environment) -> Iterator[Caveat]:
    """At the end of a measurement: whether the lock was turned on after its environment had been read."""
    if environment.gil is False and is_gil_enabled():
        watch = STATE.get(GilWatch)
        who = "" if watch is None or watch.enabled_by is None else f" by the import of {watch.enabled_by}"
        message = f"the interpreter lock was off when the runs began and was turned on{who}: import that before the runs"
        yield Caveat("gil-turned-on", message if who else message.partition(":")[0])
