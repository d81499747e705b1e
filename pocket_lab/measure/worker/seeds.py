"""The states of the global random generators, of `random` and of numpy: each point begins with those of the caller."""

from __future__ import annotations

import random
import sys
from types import ModuleType
from typing import Any, NamedTuple

from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.on_import import when_imported

_NUMPY = "numpy.random"


class Seeds(NamedTuple):
    """The states at the begin of a measurement; `numpy` is None where the caller has not loaded it.

    A point starts with them before its input is built, on both sides of a comparison, so that the same code gets the same
    numbers at every point. Its later runs go on from there, as a loop would: to begin again each time would make every run
    the same one, and takes time. A worker process has seeds of its own, since equal ones would give equal numbers in each.
    """

    python: tuple[Any, ...]
    numpy: dict[str, Any] | None

    @classmethod
    def here(cls) -> Seeds:
        """The states of this process."""
        return cls(random.getstate(), _numpy_state())

    def install(self) -> None:
        """Let every point of this process begin with them."""
        STATE.get_or_create(Seeds, lambda: self)
        self.restart()
        if self.numpy is not None and _NUMPY not in sys.modules:
            when_imported(_NUMPY, self._set_numpy)

    def restart(self) -> None:
        """Set the generators that are loaded."""
        random.setstate(self.python)
        if self.numpy is not None and (loaded := sys.modules.get(_NUMPY)) is not None:
            self._set_numpy(loaded)

    def _set_numpy(self, module: ModuleType) -> None:
        module.set_state(self.numpy)


def restart_seeds() -> None:
    """Set the generators of a measuring process to their states at the begin; nothing where it is measured in place."""
    seeds = STATE.get(Seeds)
    if seeds is not None:
        seeds.restart()


def _numpy_state() -> dict[str, Any] | None:
    """The state of numpy's global generator without an array, which would load numpy where it is read."""
    module = sys.modules.get(_NUMPY)
    if module is None or not hasattr(module, "get_state"):
        return None
    state = module.get_state(legacy=False)
    if state.get("bit_generator") != "MT19937":
        return None
    inner = state["state"]
    return {**state, "state": {"key": inner["key"].tolist(), "pos": inner["pos"]}}
