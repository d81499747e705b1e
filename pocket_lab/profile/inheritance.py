"""Threads and callbacks that a node starts inherit the node: they run below a marker frame of it (`graph.runtime.markers`).

While an instrument watches, `Thread.start`, the calls that give work to a pool of threads (`ThreadPoolExecutor.submit`, which
`asyncio.to_thread` and `run_in_executor` use, and those of `multiprocessing.pool.ThreadPool`), the callbacks of futures and of
an event loop, each step of a task among them, and the initializers of pools put the marker of the node that is current where
they are called around what they are given. `markers.current_node` answers there, too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import multiprocessing.pool
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from time import thread_time
from types import CodeType
from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.graph.runtime.markers import CURRENT, current_node, inherited
from pocket_lab.profile.changes import Changes

# Threads that serve a pool for as long as it lives; what they are given brings its own node.
_SERVANTS = (
    concurrent.futures.thread._worker,
    multiprocessing.pool.worker,  # type: ignore[attr-defined]
    *(getattr(multiprocessing.pool.Pool, name) for name in ("_handle_workers", "_handle_tasks", "_handle_results")),
)


_FUNCTIONS = ("func", "fn", "callback", "error_callback")  # the parameters of calls that give work to others

Edge = tuple[threading.Thread, bool, float, CodeType]  # whether it is the end, CPU seconds of the thread, marker


class Inheritance:
    """What this takes in one process, from `start` to `close`.

    `record`, if given, receives an Edge where a function that inherits a node begins and ends in another thread.
    """

    def __init__(self, record: Callable[[Edge], object] | None = None) -> None:
        self._record = record
        self._is_active = False
        self._changes = Changes()

    def start(self) -> Inheritance:
        """Make the changes."""
        self._is_active = True
        self._changes.wrap(threading.Thread, "start", self._thread_start)
        self._changes.wrap(concurrent.futures.ThreadPoolExecutor, "__init__", self._given_initializer)
        self._changes.wrap(concurrent.futures.ThreadPoolExecutor, "submit", self._given_function)
        self._changes.wrap(concurrent.futures.Future, "add_done_callback", self._given_function)
        self._changes.wrap(multiprocessing.pool.ThreadPool, "__init__", self._given_initializer)
        for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
            self._changes.wrap(multiprocessing.pool.ThreadPool, name, self._given_function)
        self._changes.wrap(asyncio.Handle, "_run", self._callback)
        return self

    def close(self) -> None:
        """Undo them, but for those on which the target has put changes of its own: these do nothing more."""
        self._is_active = False
        self._changes.undo()

    def _node(self) -> str | None:
        return current_node() if self._is_active else None

    def _below(self, node: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function below a marker frame of the node."""
        call: Any = inherited(node)
        record = self._record
        if record is None:
            return partial(call, function)

        def recorded(*args: Any, **kwargs: Any) -> Any:
            record((threading.current_thread(), False, thread_time(), call.__code__))
            try:
                return call(function, *args, **kwargs)
            finally:
                record((threading.current_thread(), True, thread_time(), call.__code__))

        return recorded

    def _thread_start(self, function: Any) -> Any:
        def start(thread: threading.Thread) -> None:
            node = self._node()
            if node is not None and not thread._started.is_set():  # type: ignore[attr-defined]
                self._mark(thread, node)
            function(thread)

        return start

    def _mark(self, thread: threading.Thread, node: str) -> None:
        """Have the thread run below a marker frame."""
        target = getattr(thread, "_target", None)
        if getattr(target, "__func__", target) in _SERVANTS:
            return
        if type(thread).run is threading.Thread.run and "run" not in thread.__dict__:
            if target is not None:
                thread._target = self._below(node, target)  # type: ignore[attr-defined]
            return
        own = thread.__dict__.get("run")
        run = thread.run

        def run_below() -> None:
            if own is None:
                del thread.__dict__["run"]
            else:
                thread.__dict__["run"] = own
            self._below(node, run)()

        thread.__dict__["run"] = run_below

    def _given_function(self, function: Any) -> Any:
        def give(pool: Any, /, *args: Any, **options: Any) -> Any:
            node = self._node()
            if node is not None and args and callable(args[0]):
                args = (self._below(node, args[0]), *args[1:])
            for name in _FUNCTIONS:
                if node is not None and callable(options.get(name)):
                    options[name] = self._below(node, options[name])
            return function(pool, *args, **options)

        return give

    def _given_initializer(self, function: Any) -> Any:
        def make(pool: Any, *args: Any, **options: Any) -> None:
            node = self._node()
            if node is not None:
                given = signature(function).bind(pool, *args, **options)
                if callable(initializer := given.arguments.get("initializer")):
                    given.arguments["initializer"] = self._below(node, initializer)
                args, options = given.args[1:], given.kwargs
            function(pool, *args, **options)

        return make

    def _callback(self, function: Any) -> Any:
        def run(handle: Any) -> None:
            node = handle._context.get(CURRENT) if self._is_active else None
            if node is None:
                function(handle)
            else:
                inherited(node)(function, handle)

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
