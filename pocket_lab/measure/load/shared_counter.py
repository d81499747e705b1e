"""A counter that threads and processes share through a file: 0, 1, 2 ..., each number once."""

from __future__ import annotations

import fcntl
import os
import threading
from functools import cached_property


class SharedCounter:
    """An iterator over a counter in a file, under a lock; it is pickled as the path of the file, which must start empty."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[SharedCounter], tuple[str]]:
        return SharedCounter, (self._path,)

    @cached_property
    def _file(self) -> int:
        return os.open(self._path, os.O_RDWR)

    def __iter__(self) -> SharedCounter:
        return self

    def __next__(self) -> int:
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                number = int.from_bytes(os.pread(self._file, 8, 0), "little")
                os.pwrite(self._file, (number + 1).to_bytes(8, "little"), 0)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        return number

    def __del__(self) -> None:
        if "_file" in self.__dict__:
            os.close(self._file)
