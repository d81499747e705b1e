"""Threads and callbacks that a node starts inherit the node: they run below a marker frame of it (`graph.runtime.markers`).

While an instrument watches, what is given to threads and pools of threads to call (`given_work`) and the callbacks of an event
loop, each step of a task among them, have the marker of the node that is current where they are given around them.
`markers.current_node` answers there, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.graph.runtime.markers import CHARGES, CURRENT, current_node, inherited, resumed
from pocket_lab.measure.own_processes.changes import Changes
from pocket_lab.profile.given_work import GivenWork


class Inheritance:
    """What this takes in one process, from `start` to `close`."""

    def __init__(self) -> None:
        self._is_active = False
        self._given_work = GivenWork(self._inheriting)
        self._changes = Changes()

    def start(self) -> Inheritance:
        """Make the changes."""
        self._is_active = True
        self._given_work.start()
        self._changes.wrap(asyncio.Handle, "_run", self._callback)
        return self

    def close(self) -> None:
        """Undo them, but for those on which the target has put changes of its own: these do nothing more."""
        self._is_active = False
        self._given_work.close()
        self._changes.undo()

    def _inheriting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function below a marker frame of the node that is current here, if there is one."""
        node = current_node()
        return function if node is None else partial(inherited(node), function)

    def _callback(self, function: Any) -> Any:
        def run(handle: Any) -> None:
            if not self._is_active:
                function(handle)
                return
            for charge in CHARGES:
                charge(CURRENT.get())
            node = handle._context.get(CURRENT)
            if node is None:
                function(handle)
            else:
                resumed(node)(function, handle)
            for charge in CHARGES:
                charge(handle._context.get(CURRENT))  # the node in which a task was suspended, for example

        return run


@contextmanager
def inheriting(pool: Pool) -> Iterator[None]:
    """Have threads and callbacks inherit their node, in this process and in each worker process of the pool."""
    inheritance = Inheritance().start()
    try:
        pool.in_worker_processes(_start_in_worker)
        yield
    finally:
        inheritance.close()
    pool.in_worker_processes(_stop_in_worker)


def _start_in_worker() -> None:
    STATE.replace(Inheritance, lambda: Inheritance().start())


def _stop_in_worker() -> None:
    STATE.close(Inheritance)
