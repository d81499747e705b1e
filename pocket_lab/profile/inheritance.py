"""Threads and callbacks that a node starts inherit the node: they run below a marker frame of it (`graph.runtime.markers`).

While an instrument watches, what is given to threads and pools of threads to call (`given_work`) and the callbacks of an event
loop have the marker of the node that is current where they are given around them; each step of a task has that of the node
that has made the task.
`markers.current_node` answers there, too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.graph.runtime.markers import CHARGES, CURRENT, current_node, inherited, marker_above, node_of_callback, resumed
from pocket_lab.measure.own_processes.changes import Changes
from pocket_lab.profile.given_work import GivenWork

# How an event loop is given a callback, and the position of that.
_SCHEDULE = (("call_soon", 0), ("call_soon_threadsafe", 0), ("call_later", 1), ("call_at", 1))


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
        if (uvloop := sys.modules.get("uvloop")) is not None:  # its handles are of its own kind, and run in C
            for name, position in _SCHEDULE:
                self._changes.wrap(uvloop.Loop, name, partial(self._scheduling, position))
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
            node = node_of_callback(handle._callback, handle._context)
            if node is None:
                function(handle)
            else:
                resumed(node)(function, handle)
            for charge in CHARGES:
                charge(handle._context.get(CURRENT))  # the node in which a task was suspended, for example

        return run

    def _scheduling(self, position: int, function: Any) -> Any:
        """A method of an event loop that is given a callback, which then runs below a marker."""

        def schedule(loop: Any, *args: Any, **options: Any) -> Any:
            if self._is_active and len(args) > position and args[position].__class__ is not _Step:
                args = (*args[:position], _Step(self, args[position]), *args[position + 1 :])
            return function(loop, *args, **options)

        return schedule

    def run_step(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Call the function in its context, as `_callback` does from outside of it."""
        if not self._is_active:
            return function(*args)
        outer, node = marker_above(), node_of_callback(function, copy_context())
        for charge in CHARGES:
            charge(outer)
        try:
            return function(*args) if node is None else resumed(node)(partial(_call, function), args)
        finally:
            for charge in CHARGES:
                charge(CURRENT.get())


class _Step:
    """A callback of an event loop; a loop may look at its attributes."""

    def __init__(self, inheritance: Inheritance, function: Callable[..., Any]) -> None:
        self._inheritance = inheritance
        self.__wrapped__ = function

    def __call__(self, *args: Any) -> Any:
        return self._inheritance.run_step(self.__wrapped__, args)


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return function(*args)


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
