"""The threads that start while lines are counted, and what is given to threads that run already, on Python 3.11.

There line_profiler counts only in threads in which it is enabled. A node may start threads itself, or by asyncio.to_thread,
and a graph with async nodes runs in a helper thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any


class StartedThreads:
    """Runs each thread and each call that is submitted to a ThreadPoolExecutor inside `around()`, until it is closed."""

    def __init__(self, around: Callable[[], AbstractContextManager[object]]) -> None:
        self._around = around
        self._lock = threading.Lock()
        self._is_following = False
        self._patches: list[tuple[type, str, Any, Any]] = []

    def follow(self) -> None:
        """Begin with the threads that start from now on."""
        with self._lock:
            if not self._is_following:
                self._is_following = True
                self._patch(threading.Thread, "start", self._starting)
                self._patch(ThreadPoolExecutor, "submit", self._submitting)

    def close(self) -> None:
        """Leave the methods as they were; where others have wrapped them meanwhile, ours do nothing more."""
        with self._lock:
            self._is_following = False
            for owner, name, original, patch in self._patches:
                if vars(owner)[name] is patch:
                    setattr(owner, name, original)
            self._patches.clear()

    def _patch(self, owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
        original = vars(owner)[name]
        patch = wraps(original)(wrap(original))
        self._patches.append((owner, name, original, patch))
        setattr(owner, name, patch)

    def _starting(self, start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
        def start_inside(thread: threading.Thread) -> None:
            if self._is_following and not thread.ident:
                own, run = thread.__dict__.get("run"), thread.run

                def run_inside() -> None:
                    if own is None:
                        del thread.__dict__["run"]
                    else:
                        thread.__dict__["run"] = own
                    with self._around():
                        run()

                thread.__dict__["run"] = run_inside
            start(thread)

        return start_inside

    def _submitting(self, submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        def submit_inside(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
            if not self._is_following:
                return submit(pool, function, *args, **options)

            def call_inside(*args: Any, **options: Any) -> Any:
                with self._around():
                    return function(*args, **options)

            return submit(pool, call_inside, *args, **options)

        return submit_inside
