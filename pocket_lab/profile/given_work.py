"""What threads and pools of threads are given to call, wrapped where it is given."""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import multiprocessing.pool
import sys
import threading
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

from pocket_lab.measure.own_processes.changes import Changes

Function = Callable[..., Any]
_FUNCTIONS = ("func", "fn", "callback", "error_callback")  # the parameters of calls that give work to others

# Threads that serve a pool for as long as it lives; what they are given is wrapped itself.
_SERVANTS = (
    concurrent.futures.thread._worker,
    multiprocessing.pool.worker,  # type: ignore[attr-defined]
    *(getattr(multiprocessing.pool.Pool, name) for name in ("_handle_workers", "_handle_tasks", "_handle_results")),
)


class GivenWork:
    """Has `wrap(function)` called instead of each function that is given to a thread, from `start` to `close`.

    That is to `Thread.start`, to the functions of `_thread` (not as somebody has kept them), to `ThreadPoolExecutor.submit`
    (which `asyncio.to_thread` and `run_in_executor` use), to the calls of `multiprocessing.pool.ThreadPool`, to futures as a
    callback, and to pools as an initializer. `wrap` is called where the work is given, and may return the function itself.
    """

    def __init__(self, wrap: Callable[[Function], Function]) -> None:
        self._wrap = wrap
        self._is_active = False
        self._changes = Changes()

    def start(self) -> None:
        """Make the changes."""
        self._is_active = True
        self._changes.wrap(threading.Thread, "start", self._thread_start)
        for name in ("start_new_thread", "start_new", "start_joinable_thread"):
            self._changes.wrap(_thread, name, self._low_level_start)
        self._changes.wrap(concurrent.futures.ThreadPoolExecutor, "__init__", self._given_initializer)
        self._changes.wrap(concurrent.futures.ThreadPoolExecutor, "submit", self._given_function)
        self._changes.wrap(concurrent.futures.Future, "add_done_callback", self._given_function)
        self._changes.wrap(multiprocessing.pool.ThreadPool, "__init__", self._given_initializer)
        for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
            self._changes.wrap(multiprocessing.pool.ThreadPool, name, self._given_function)

    def close(self) -> None:
        """Undo them, but for those on which the target has put changes of its own: these do nothing more."""
        self._is_active = False
        self._changes.undo()

    def _thread_start(self, function: Any) -> Any:
        def start(thread: threading.Thread) -> None:
            if self._is_active and not thread._started.is_set():  # type: ignore[attr-defined]
                self._wrap_thread(thread)
            function(thread)

        return start

    def _low_level_start(self, function: Any) -> Any:
        def start(target: Function, /, *args: Any, **options: Any) -> Any:
            wrapped = self._wrap(target) if self._is_active else target
            if wrapped is target:
                return function(target, *args, **options)

            def run(*arguments: Any, **named: Any) -> None:
                _set_hooks()
                wrapped(*arguments, **named)

            return function(run, *args, **options)

        return start

    def _wrap_thread(self, thread: threading.Thread) -> None:
        target = getattr(thread, "_target", None)
        if getattr(target, "__func__", target) in _SERVANTS:
            return
        if type(thread).run is threading.Thread.run and "run" not in thread.__dict__:
            if target is not None:
                thread._target = self._wrap(target)  # type: ignore[attr-defined]
            return
        own = thread.__dict__.get("run")
        run = thread.run
        wrapped = self._wrap(run)
        if wrapped is run:
            return

        def run_wrapped() -> None:
            if own is None:
                del thread.__dict__["run"]
            else:
                thread.__dict__["run"] = own
            wrapped()

        thread.__dict__["run"] = run_wrapped

    def _given_function(self, function: Any) -> Any:
        def give(pool: Any, /, *args: Any, **options: Any) -> Any:
            if self._is_active and args and callable(args[0]):
                args = (self._wrap(args[0]), *args[1:])
            for name in _named(function) if options and self._is_active else ():
                if callable(options.get(name)):
                    options[name] = self._wrap(options[name])
            return function(pool, *args, **options)

        return give

    def _given_initializer(self, function: Any) -> Any:
        def make(pool: Any, *args: Any, **options: Any) -> None:
            if self._is_active:
                given = signature(function).bind(pool, *args, **options)
                if callable(initializer := given.arguments.get("initializer")):
                    given.arguments["initializer"] = self._wrap(initializer)
                args, options = given.args[1:], given.kwargs
            function(pool, *args, **options)

        return make


def _set_hooks() -> None:
    """Begin a thread as `threading` does, with the functions that trace and profile new threads."""
    if (trace := threading.gettrace()) is not None:
        sys.settrace(trace)
    if (profile := threading.getprofile()) is not None:
        sys.setprofile(profile)


def _named(function: Any) -> list[str]:
    """Which of its functions are given by name; what else is given by name is for the given function."""
    parameters = signature(function).parameters
    return [name for name in _FUNCTIONS if name in parameters and parameters[name].kind is not Parameter.POSITIONAL_ONLY]
