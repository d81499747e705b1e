"""Where threads, tasks, processes and descriptors are created: the functions that create them are patched for a while."""

from __future__ import annotations

import asyncio
import builtins
import functools
import io
import multiprocessing.process
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

Stack = tuple[tuple[str, str, int], ...]
Identity = tuple[int, int]

_DEEPEST = 48


class CreationSites:
    """A context manager that records the stack of every thread, task, process and descriptor that Python code creates.

    A stack consists of (function, file, line), innermost frame first. What C code creates directly has none.
    """

    def __init__(self) -> None:
        self.threads: weakref.WeakKeyDictionary[threading.Thread, Stack] = weakref.WeakKeyDictionary()
        self.tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], Stack] = weakref.WeakKeyDictionary()
        self.processes: dict[int, Stack] = {}
        self._descriptors: dict[int, tuple[Identity, Stack]] = {}
        self._patched: list[tuple[Any, str, Any, Any]] = []

    def descriptor(self, number: int, identity: Identity) -> Stack:
        """Where this descriptor was created; empty where it is of C code, which may have the number of an earlier one."""
        noted, stack = self._descriptors.get(number, (identity, ()))
        return stack if noted == identity else ()

    def __enter__(self) -> CreationSites:
        self._patch(threading.Thread, "start", self._note_thread)
        self._patch(asyncio.BaseEventLoop, "create_task", self._note_task)
        self._patch(subprocess.Popen, "__init__", self._note_popen)
        self._patch(multiprocessing.process.BaseProcess, "start", self._note_popen)
        for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp"):
            if hasattr(os, name):
                self._patch(os, name, self._note_process)
        self._patch(builtins, "open", self._note_file)
        self._patch(io, "open", self._note_file)
        self._patch(socket.socket, "__init__", self._note_socket)
        for name in ("open", "pipe", "dup", "memfd_create", "openpty"):
            if hasattr(os, name):
                self._patch(os, name, self._note_descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the original functions, except those that other code has patched meanwhile."""
        for owner, name, original, ours in reversed(self._patched):
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)
        self._patched.clear()

    def _patch(self, owner: Any, name: str, note: Callable[[Any, tuple[Any, ...], Stack], None]) -> None:
        original = vars(owner)[name]

        @functools.wraps(original)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            created = original(*args, **kwargs)
            try:
                note(created, args, _caller_stack())
            except (AttributeError, OSError, TypeError, ValueError):  # a subclass may behave differently
                pass
            return created

        self._patched.append((owner, name, original, recorded))
        setattr(owner, name, recorded)

    def _note_thread(self, created: Any, args: tuple[Any, ...], stack: Stack) -> None:
        self.threads[args[0]] = stack

    def _note_task(self, created: Any, args: tuple[Any, ...], stack: Stack) -> None:
        self.tasks[created] = stack

    def _note_popen(self, created: Any, args: tuple[Any, ...], stack: Stack) -> None:
        self.processes[args[0].pid] = stack

    def _note_process(self, created: Any, args: tuple[Any, ...], stack: Stack) -> None:
        self.processes[created[0] if isinstance(created, tuple) else created] = stack

    def _note_file(self, created: Any, args: tuple[Any, ...], stack: Stack) -> None:
        self._note_number(created.fileno(), stack)

    def _note_socket(self, created: Any, args: tuple[Any, ...], stack: Stack) -> None:
        self._note_number(args[0].fileno(), stack)

    def _note_descriptor(self, created: Any, args: tuple[Any, ...], stack: Stack) -> None:
        for descriptor in created if isinstance(created, tuple) else (created,):
            self._note_number(descriptor, stack)

    def _note_number(self, number: int, stack: Stack) -> None:
        self._descriptors[number] = identity_of(os.fstat(number)), stack


def identity_of(status: os.stat_result) -> Identity:
    """What tells apart files, sockets and pipes that have the same descriptor one after the other."""
    return status.st_dev, status.st_ino


def _caller_stack() -> Stack:
    """Return the stack of the caller of the patched function, innermost frame first."""
    frames: list[tuple[str, str, int]] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and len(frames) < _DEEPEST:
        frames.append((frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return tuple(frames)
