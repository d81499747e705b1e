"""What is sent to a worker process: a function once, with the context of its caller, and the items of a chunk."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.faults.parcels import dump
from pocket_lab.executors.pickling import Pickler, dumps
from pocket_lab.executors.pool import Call
from pocket_lab.executors.process_worker import PackedItems
from pocket_lab.executors.world.caller import Caller


class Payload:
    """A function in its present state and the context of its caller, pickled once for all chunks of a call.

    Workers identify it by its digest. `item_s` is how long an item takes, once that is known.
    """

    item_s: float | None = None

    def __init__(self, function: Call) -> None:
        self.function = function
        self.pickled = _pickle_call(function)
        self.digest = hashlib.blake2b(self.pickled, digest_size=16).hexdigest()

    def __call__(self, item: Any) -> Any:
        """Call the function here."""
        return self.function(item)


class Items:
    """The items of a chunk, pickled together, or each by itself where one cannot be pickled or rebuilt."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items
        try:
            self.pickled: PackedItems = dumps(items)
        except Exception:  # any class may fail to pickle in its own way
            self.take_apart()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def size(self) -> int:
        """The bytes that are sent."""
        return len(self.pickled) if isinstance(self.pickled, bytes) else sum(map(len, self.pickled))

    def take_apart(self) -> None:
        """Pickle each by itself."""
        self.pickled = [dump(item) for item in self._items]


def pickle_or_refuse(what: str, value: Any) -> bytes:
    """The object pickled; raises a UsageError that says what cannot be sent, and why."""
    try:
        return dumps(value)
    except Exception as error:  # as above
        raise UsageError(f"{what} cannot be sent to another process: {error}") from error


def _pickle_call(function: Call) -> bytes:
    """The caller, the function, and the functions and classes of the main module to which that refers."""
    buffer = io.BytesIO()
    pickler = Pickler(buffer)
    try:
        pickler.dump(function)
        pickler.dump(pickler.main)
    except Exception as error:  # as above
        raise UsageError(f"the function cannot be sent to another process: {error}") from error
    return dumps(Caller.here(pickler)) + buffer.getvalue()
