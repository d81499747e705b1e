"""The resources of a process that it may leave behind: threads, tasks, child processes, descriptors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Hashable, Iterator
from contextlib import suppress
from typing import NamedTuple

from pocket_lab.profile.leaks.creation_sites import CreationSites, Stack, identity_of
from pocket_lab.profile.leaks.footprint import read_bytes

_OURS = ("pocket-lab", "IPythonHistorySavingThread", "ExecutorManagerThread", "QueueFeederThread", "QueueManagerThread")
_LONGEST = 100


class Resource(NamedTuple):
    """One resource: a unique `key`, a readable `name`, and the `stack` that created it."""

    kind: str
    key: Hashable
    name: str
    stack: Stack


def list_resources(creation_sites: CreationSites) -> Iterator[Resource]:
    """Yield the present resources, except those of Pocket Lab, its pools and the notebook's kernel."""
    yield from _threads(creation_sites)
    yield from _tasks(creation_sites)
    yield from _children(creation_sites)
    yield from _descriptors(creation_sites)


def _threads(creation_sites: CreationSites) -> Iterator[Resource]:
    known = set()
    for thread in threading.enumerate():
        known.add(thread.ident)
        if not thread.name.startswith(_OURS):
            kind = "daemon thread" if thread.daemon else "thread"
            yield Resource(kind, ("thread", thread.native_id, thread.name), thread.name, creation_sites.threads.get(thread, ()))
    for ident in sys._current_frames().keys() - known:  # started by _thread, or by C code that calls Python
        yield Resource("thread", ("thread", ident, ""), f"thread {ident}", ())


def _tasks(creation_sites: CreationSites) -> Iterator[Resource]:
    for task, stack in list(creation_sites.tasks.items()):
        if not task.done() and not task.get_loop().is_closed():
            coroutine = task.get_coro()
            name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
            yield Resource("task", ("task", id(task), task.get_name()), f"{name} ({task.get_name()})", stack)


def _children(creation_sites: CreationSites) -> Iterator[Resource]:
    children = list(_children_of(os.getpid()))
    for ended in creation_sites.processes.keys() - {pid for pid, _, _ in children}:
        del creation_sites.processes[ended]
    for pid, command, is_zombie in children:
        if "resource_tracker" in command or ("loky" in command and "popen_loky" in command):
            continue
        name = f"{command[:_LONGEST]} (ended, but was never waited for)" if is_zombie else command[:_LONGEST]
        yield Resource("process", ("process", pid), name, creation_sites.processes.get(pid, ()))


def _children_of(parent: int) -> Iterator[tuple[int, str, bool]]:
    """Yield (pid, command, whether it is a zombie) of each child process."""
    tasks = f"/proc/{parent}/task"
    if not os.path.exists(f"{tasks}/{parent}/children"):
        yield from _children_by_ps(parent)
        return
    for task in os.listdir(tasks):
        with suppress(OSError):
            for pid in read_bytes(f"{tasks}/{task}/children").decode().split():
                with suppress(OSError):
                    state = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0]
                    command = read_bytes(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
                    yield int(pid), command or f"process {pid}", state == b"Z"


def _children_by_ps(parent: int) -> Iterator[tuple[int, str, bool]]:
    """Yield the same by `ps`, for systems without /proc."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        pid, parent_pid, state, command = [*line.split(None, 3), ""][:4]
        if int(parent_pid) == parent and not command.startswith("ps -A -o"):
            yield int(pid), command, state.startswith("Z")


def _descriptors(creation_sites: CreationSites) -> Iterator[Resource]:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    for entry in os.listdir(folder):
        descriptor = int(entry)
        with suppress(OSError):  # the descriptor of the listing itself is closed by now
            status = os.fstat(descriptor)
            kind, name = _describe(descriptor, folder)
            identity = identity_of(status)
            yield Resource(kind, ("descriptor", descriptor, *identity), name, creation_sites.descriptor(descriptor, identity))


def _describe(descriptor: int, folder: str) -> tuple[str, str]:
    """Return the kind of a descriptor, and its path or its addresses."""
    try:
        target = os.readlink(f"{folder}/{descriptor}")
    except OSError:
        target = _path_of(descriptor)
    if not target or target.startswith("socket:"):
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
            return "socket", _addresses(copy)
    if target.startswith("pipe:"):
        return "pipe", target
    return ("file", target) if target.startswith("/") else ("descriptor", target or f"descriptor {descriptor}")


def _path_of(descriptor: int) -> str:
    """Return the path of an open file on macOS."""
    import fcntl

    if not hasattr(fcntl, "F_GETPATH"):
        return ""
    with suppress(OSError):
        return fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024).rstrip(b"\0").decode(errors="replace")
    return ""


def _addresses(open_socket: socket.socket) -> str:
    """Return for example "tcp 127.0.0.1:5000 -> 10.0.0.7:443" or "tcp 127.0.0.1:5000, listening"."""
    kinds = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}
    family = "unix" if open_socket.family == socket.AF_UNIX else kinds.get(open_socket.type, open_socket.type.name)
    own = _address(open_socket.getsockname())
    with suppress(OSError):
        return f"{family} {own} -> {_address(open_socket.getpeername())}"
    listens = open_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    return f"{family} {own}, listening" if listens else f"{family} {own}".rstrip()


def _address(address: object) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address or "")
