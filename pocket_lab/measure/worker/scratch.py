"""The folder for files that must not outlive a measurement, also where a kill ends it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PREFIX = "pocket-lab-scratch-"
_NAME = re.compile(re.escape(_PREFIX) + r"(\d+)-[0-9a-f]+")


@contextmanager
def scratch_folder() -> Iterator[str]:
    """The path of a folder that `make_scratch` makes, in this process or in one that it starts; it is removed at the end.

    Folders of processes that a kill has ended are removed at the begin.
    """
    import tempfile  # here: the measuring process needs `make_scratch` alone

    root = tempfile.gettempdir()
    _remove_orphans(root)
    folder = os.path.join(root, f"{_PREFIX}{os.getpid()}-{os.urandom(6).hex()}")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_scratch(folder: str) -> int:
    """Make the folder, for this user alone; the descriptor holds a lock on it, which says that the folder is in use."""
    os.mkdir(folder, 0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _remove_orphans(root: str) -> None:
    with suppress(OSError):
        for entry in list(os.scandir(root)):
            named = _NAME.fullmatch(entry.name)
            if named is not None and not _lives(int(named[1])) and not _is_locked(entry.path):
                shutil.rmtree(entry.path, ignore_errors=True)


def _lives(pid: int) -> bool:
    """Whether there is such a process; one in another container is not seen, but holds its lock."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _is_locked(folder: str) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # that of another user, or just removed
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
