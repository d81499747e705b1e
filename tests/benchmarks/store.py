"""What a store costs: unbounded against a dictionary under a lock, bounded against cachetools' TLRUCache under a lock.

pip install "pocket-lab[peers]" && python tests/benchmarks/store.py

Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from itertools import count
from typing import Any

from cachetools import TLRUCache
from interleaved import Pair, measure

from pocket_lab import Store

ENTRIES, TTL_S = 1_000, 300.0
LOOKS = 100


class Peer(TLRUCache):  # type: ignore[misc]
    """The same semantics: bound, time to live from each set, eviction callback with its reason outside the lock."""

    def __init__(self, told: Any) -> None:
        super().__init__(ENTRIES, ttu=lambda key, value, now: now + TTL_S, timer=time.monotonic)
        self.lock = threading.RLock()
        self.told, self.left = told, deque[Any]()

    def popitem(self) -> Any:
        """The least recently used one, noted."""
        key, value = super().popitem()
        self.left.append((key, value, "full"))
        return key, value

    def expire(self, time: float | None = None) -> Any:
        """What has expired, noted; a set calls it."""
        gone = super().expire(time)
        self.left.extend((key, value, "expired") for key, value in gone)
        return gone

    def read(self, key: str) -> Any:
        """A get under the lock."""
        with self.lock:
            return self.get(key)

    def write(self, key: str, value: Any) -> None:
        """A set under the lock, and the callback after it."""
        with self.lock:
            self[key] = value
        while self.left:
            self.told(*self.left.popleft())


def pairs() -> list[Pair]:
    """A hundred operations each, so that the loop around them weighs little."""
    names = [f"key-{number}" for number in range(ENTRIES)]
    some = names[:LOOKS]

    def told(key: str, value: Any, reason: str) -> None: ...

    unbounded = Store(dict.fromkeys(names, 1))
    bounded = Store(dict.fromkeys(names, 1), max_entries=ENTRIES, ttl=TTL_S, on_evict=told)
    filling = Store(max_entries=ENTRIES, ttl=TTL_S, on_evict=told)
    peer, filling_peer = Peer(told), Peer(told)
    for name in names:
        peer.write(name, 1)
    lock, plain, fresh = threading.Lock(), dict.fromkeys(names, 1), (f"new-{number}" for number in count())

    def get(store: Store) -> Any:
        def gets(_: Any) -> None:
            for name in some:
                store.get(name)

        return gets

    def locked_gets(_: Any) -> None:
        for name in some:
            with lock:
                plain.get(name)

    def peer_gets(_: Any) -> None:
        for name in some:
            peer.read(name)

    def sets(_: Any) -> None:
        for name in some:
            bounded.set(name, 1)

    def peer_sets(_: Any) -> None:
        for name in some:
            peer.write(name, 1)

    def new_sets(_: Any) -> None:
        for name, _new in zip(fresh, some, strict=False):
            filling.set(name, 1)

    def new_peer_sets(_: Any) -> None:
        for name, _new in zip(fresh, some, strict=False):
            filling_peer.write(name, 1)

    return [
        Pair("100 gets, unbounded / with lock: d.get(k)", get(unbounded), locked_gets, most=1.5),
        Pair("100 gets, bounded + TTL + callback / TLRUCache", get(bounded), peer_gets, least=1.3, faster=True),
        Pair("100 sets, bounded + TTL + callback / TLRUCache", sets, peer_sets, least=3, faster=True),
        Pair("100 sets that evict / TLRUCache", new_sets, new_peer_sets, faster=True),
    ]


if __name__ == "__main__":
    sys.exit(0 if measure(pairs()) else 1)
