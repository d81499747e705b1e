"""Detection of targets that change their input, so that later runs get another one."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe

_PATIENCE_S = 0.05
_SLICE = 1 << 20


class Fingerprint:
    """The state of an input at one moment, to compare with its later state.

    It is a hash of the input's pickle, or of the part that is written in 50 ms. An input that cannot be pickled counts as
    unchanged.
    """

    def __init__(self, value: Any) -> None:
        self._is_iterator = isinstance(value, Iterator)
        self._seen = None if self._is_iterator else _Hash.of(value, None)

    def caveats(self, value: Any, point: Point) -> Iterator[Caveat]:
        """A caveat if the input has changed."""
        if self.changed(value):
            hint = "fresh_input=True builds one for each run"
            message = f"{describe(point)}: a run changes its input, so the next one gets another: {hint}"
            yield Caveat("input-changed", message, point)

    def changed(self, value: Any) -> bool:
        """Whether the input has changed; an iterator counts as exhausted, and so as changed."""
        if self._is_iterator or self._seen is None:
            return self._is_iterator
        now = _Hash.of(value, self._seen.length)
        return now is not None and now.digest != self._seen.digest


class _Enough(Exception):
    """Stops the pickling: the hash covers enough of the input."""


class _Hash:
    """A file for a pickler that hashes what is written, up to a length or a time limit."""

    def __init__(self, length: int | None) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._most = length
        self._end = perf_counter() + _PATIENCE_S
        self.length = 0

    @classmethod
    def of(cls, value: Any, length: int | None) -> _Hash | None:
        """The hash of a value; None where it cannot be pickled."""
        hashed = cls(length)
        try:
            pickle.Pickler(hashed, pickle.HIGHEST_PROTOCOL).dump(value)
        except _Enough:
            pass
        except Exception:  # any class may fail to pickle in its own way
            return None
        return hashed

    @property
    def digest(self) -> bytes:
        """The hash so far."""
        return self._hash.digest()

    def write(self, data: Any) -> int:
        """Hash a piece; raises _Enough after the last one."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _SLICE):
            part = view[start : start + _SLICE]
            left = len(part) if self._most is None else self._most - self.length
            self._hash.update(part[:left])
            self.length += min(left, len(part))
            if left < len(part) or (self._most is None and perf_counter() > self._end):
                raise _Enough
        return len(view)
