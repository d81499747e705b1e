"""Whether a target changes its input, so that every run but the first gets another one."""

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
    """What an input was like at one moment, to compare with what it is later.

    It is a hash of the input's pickle, or of as much of that as is made in a twentieth of a second. What cannot be pickled
    is never found to have changed.
    """

    def __init__(self, value: Any) -> None:
        self._is_iterator = isinstance(value, Iterator)
        self._seen = None if self._is_iterator else _Hash.of(value, None)

    def caveats(self, value: Any, point: Point) -> Iterator[Caveat]:
        """The doubt that a change raises."""
        if self.changed(value):
            way = "fresh_input=True builds one for each run"
            message = f"{describe(point)}: a run changes its input, so the next one gets another: {way}"
            yield Caveat("input-changed", message, point)

    def changed(self, value: Any) -> bool:
        """Whether the input is not what it was; an iterator is taken to be used up."""
        if self._is_iterator or self._seen is None:
            return self._is_iterator
        now = _Hash.of(value, self._seen.length)
        return now is not None and now.digest != self._seen.digest


class _Enough(Exception):
    """The rest is not looked at."""


class _Hash:
    """A file for a pickler that keeps a hash of what is written, up to a length or for a while."""

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
        """Take a piece; raises _Enough after the last one."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _SLICE):
            part = view[start : start + _SLICE]
            left = len(part) if self._most is None else self._most - self.length
            self._hash.update(part[:left])
            self.length += min(left, len(part))
            if left < len(part) or (self._most is None and perf_counter() > self._end):
                raise _Enough
        return len(view)
