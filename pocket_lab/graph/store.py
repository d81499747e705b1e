"""The store of a graph: a bounded, expiring, scoped, thread-safe dictionary."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from heapq import heapify, heappop, heappush
from typing import Any, Generic, Literal, NamedTuple, TypeVar, get_origin

from pocket_lab.errors import UsageError
from pocket_lab.units import parse_duration

Reason = Literal["expired", "full"]
OnEvict = Callable[[str, Any, Reason], None]
Delta = tuple[bool, Any, float | str | None]
T = TypeVar("T")
_FOREVER = float("inf")
_SLACK = 16


class Limits(NamedTuple):
    """The bound and the time to live of a store, which a copy of one of its scopes in another process has too."""

    max_entries: int | None = None
    ttl_s: float = _FOREVER


_NO_LIMITS = Limits()


class Store:
    """Keys to values, at most `max_entries` of them (the least recently used one is evicted), each for `ttl`.

    A get counts as a use, a set restarts the time to live. `on_evict(full_key, value, reason)` is called outside the
    lock; what it raises is logged. Scopes are views on the same entries under the same lock and the same bound;
    their keys carry the prefix and a colon.
    """

    def __init__(
        self,
        initial: Mapping[str, Any] | None = None,
        *,
        max_entries: int | None = None,
        ttl: float | str | None = None,
        on_evict: OnEvict | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_entries is not None and (not isinstance(max_entries, int) or max_entries < 1):
            raise UsageError(f"max_entries={max_entries!r}: a store holds at least one entry")
        self._initial = _copies(initial or {})
        self._max_entries = max_entries
        self._ttl = _FOREVER if ttl is None else parse_duration(ttl)
        self._on_evict = on_evict
        self._clock = clock
        self._lock = threading.RLock()
        self._entries: OrderedDict[str, tuple[Any, float]] = OrderedDict()
        self._ends: list[tuple[float, str]] = []  # a heap of when to look whether an entry has expired
        self._prefix = ""
        for key, value in (initial or {}).items():
            self.set(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the key, or the default where it is absent or expired."""
        full = self._prefix + key
        if self._max_entries is None:  # a get does not reorder entries, so that it needs no lock
            entry = self._entries.get(full)
            if entry is None:
                return default
            value, expires_s = entry
            return value if expires_s == _FOREVER or expires_s > self._clock() else self._drop(full, default)
        with self._lock:
            entry = self._entries.get(full)
            if entry is None:
                return default
            value, expires_s = entry
            if expires_s == _FOREVER or expires_s > self._clock():
                self._entries.move_to_end(full)
                return value
        return self._drop(full, default)

    def set(self, key: str, value: Any, ttl: float | str | None = None) -> None:
        """Store the value, for `ttl` (a number of seconds or a text such as "5m") or as long as the store says.

        Expired entries are evicted first; then, if the store is full, the least recently used entry.
        """
        lifetime = self._ttl if ttl is None else parse_duration(ttl)
        full = self._prefix + key
        entries, ends = self._entries, self._ends
        left: list[tuple[str, Any, Reason]] | None = None
        with self._lock:
            now = self._clock() if ends or lifetime != _FOREVER else 0.0
            if ends and ends[0][0] <= now:
                left = self._expire(now)
            end = now + lifetime
            before = entries.get(full)
            if self._max_entries is not None:
                if before is not None:
                    entries.move_to_end(full)
                elif len(entries) >= self._max_entries:
                    oldest, (old_value, _) = entries.popitem(last=False)
                    left = [*(left or ()), (oldest, old_value, "full")]
            if end != _FOREVER and (before is None or before[1] > end):
                self._note_end(end, full)
            entries[full] = (value, end)
        if left is not None:
            self._report_evicted(left)

    def delete(self, key: str) -> int:
        """Delete the key, or with a final `*` every key that starts with what precedes it; the number of live ones deleted."""
        full = self._prefix + key
        with self._lock:
            doomed = [k for k in self._entries if k.startswith(full[:-1])] if key.endswith("*") else [full]
            now = self._clock()
            deleted = [self._entries.pop(k) for k in doomed if k in self._entries]
            return sum(expires_s > now for _, expires_s in deleted)

    def scope(self, prefix: str) -> Store:
        """A view of the keys that start with the prefix and a colon, without it; scopes nest."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._prefix = f"{self._prefix}{prefix}:"
        return view

    def typed(self, kind: type[T]) -> TypedStore[T]:
        """A view that gives and takes values of one type only."""
        return TypedStore(self, kind)

    def fresh(self) -> Store:
        """A new store with the options of this one and copies of its initial contents, as they were in the beginning."""
        ttl = None if self._ttl == _FOREVER else self._ttl
        new = Store(_copies(self._initial), max_entries=self._max_entries, ttl=ttl, on_evict=self._on_evict, clock=self._clock)
        return new.scope(self._prefix[:-1]) if self._prefix else new

    def beginning(self, contents: Mapping[str, Any]) -> Store:
        """A new store with the options and the initial contents of this one, and with these; its `fresh` has them too."""
        initial = {**self._initial, **{self._prefix + key: value for key, value in _checked_keys(contents).items()}}
        ttl = None if self._ttl == _FOREVER else self._ttl
        new = Store(initial, max_entries=self._max_entries, ttl=ttl, on_evict=self._on_evict, clock=self._clock)
        return new.fresh().scope(self._prefix[:-1]) if self._prefix else new.fresh()

    def has_scopes(self, kind: str) -> bool:
        """Whether there is an entry in a scope named `<kind>-<number>`."""
        return any(key.startswith(f"{kind}-") for key in self)

    def clear(self) -> None:
        """Delete every entry of this scope."""
        self.delete("*")

    def items(self) -> list[tuple[str, Any]]:
        """The live entries of this scope at this moment, least recently used first where the store is bounded."""
        now, start = self._clock(), len(self._prefix)
        with self._lock:
            return [(k[start:], v) for k, (v, end) in self._entries.items() if end > now and k.startswith(self._prefix)]

    def snapshot(self) -> dict[str, Any]:
        """The live entries of this scope at this moment as a dictionary."""
        return dict(self.items())

    @property
    def limits(self) -> Limits:
        """The bound and the time to live."""
        return Limits(self._max_entries, self._ttl)

    def __contains__(self, key: str) -> bool:
        entry = self._entries.get(self._prefix + key)
        return entry is not None and entry[1] > self._clock()

    def __iter__(self) -> Iterator[str]:
        return iter([key for key, _ in self.items()])

    def __len__(self) -> int:
        return len(self.items())

    def __repr__(self) -> str:
        return f"Store({len(self)} entries" + (f', scope "{self._prefix[:-1]}")' if self._prefix else ")")

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return {**self.__dict__, "_lock": None, "_entries": self._entries.copy(), "_ends": self._ends.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def _drop(self, full: str, default: Any) -> Any:
        """Evict an expired entry, unless another thread has set it meanwhile."""
        with self._lock:
            entry = self._entries.get(full)
            if entry is None:
                return default
            if entry[1] > self._clock():  # another thread has set it meanwhile
                return entry[0]
            del self._entries[full]
        self._report_evicted([(full, entry[0], "expired")])
        return default

    def _expire(self, now: float) -> list[tuple[str, Any, Reason]]:
        """Remove what has expired; under the lock."""
        gone: list[tuple[str, Any, Reason]] = []
        while self._ends and self._ends[0][0] <= now:
            end, full = heappop(self._ends)
            entry = self._entries.get(full)
            if entry is not None and entry[1] == end:
                del self._entries[full]
                gone.append((full, entry[0], "expired"))
            elif entry is not None and end < entry[1] < _FOREVER:  # it was set again meanwhile
                heappush(self._ends, (entry[1], full))
        return gone

    def _note_end(self, end: float, full: str) -> None:
        """Remember when to check an entry for expiry; notes of deleted entries are dropped now and then."""
        heappush(self._ends, (end, full))
        if len(self._ends) > 2 * len(self._entries) + _SLACK:
            self._ends[:] = [(expires_s, key) for key, (_, expires_s) in self._entries.items() if expires_s != _FOREVER]
            heappush(self._ends, (end, full))
            heapify(self._ends)

    def _report_evicted(self, left: list[tuple[str, Any, Reason]]) -> None:
        if self._on_evict is not None:
            for entry in left:
                try:
                    self._on_evict(*entry)
                except Exception:  # foreign code raises what it likes
                    import logging

                    logging.getLogger("pocket_lab").exception('on_evict failed for the key "%s"', entry[0])


class StorePerScope(Store):
    """The stores of many runs that begin with the same contents: each scope is a new store, which nothing else refers to."""

    def __init__(self, like: Store, contents: Mapping[str, Any]) -> None:
        super().__init__()
        self._like = like
        self._contents = _checked_keys(contents)

    def scope(self, prefix: str) -> Store:
        """A new store, whatever the prefix."""
        return begun(self._like, self._contents)

    def has_scopes(self, kind: str) -> bool:
        """Every scope has the first contents."""
        return True


class ReadOnlyStore:
    """The store that prep receives: get, scope and `in`, without any method that writes."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, default: Any = None) -> Any:
        """As `Store.get`."""
        return self._store.get(key, default)

    def scope(self, prefix: str) -> ReadOnlyStore:
        """A read-only view of the scope."""
        return ReadOnlyStore(self._store.scope(prefix))

    def __contains__(self, key: str) -> bool:
        return key in self._store

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"prep only reads the store, so it has no {name}: write to it in post")


class TypedStore(Generic[T]):
    """A view of a store that holds one type of value; another type is a UsageError that names the key.

    Of a type such as list[int] the container is checked.
    """

    def __init__(self, store: Store, kind: type[T]) -> None:
        self._store = store
        self._kind = kind

    def get(self, key: str) -> T | None:
        """The value of the key, or None where it is absent."""
        value = self._store.get(key)
        return None if value is None else self._checked(key, value)

    def set(self, key: str, value: T, ttl: float | str | None = None) -> None:
        """As `Store.set`, after a check of the value's type."""
        self._store.set(key, self._checked(key, value), ttl)

    def delete(self, key: str) -> int:
        """As `Store.delete`."""
        return self._store.delete(key)

    def scope(self, prefix: str) -> TypedStore[T]:
        """A typed view of the scope."""
        return TypedStore(self._store.scope(prefix), self._kind)

    def __contains__(self, key: str) -> bool:
        return key in self._store

    def _checked(self, key: str, value: Any) -> T:
        if not isinstance(value, get_origin(self._kind) or self._kind):
            raise UsageError(f'store key "{key}" holds {type(value).__name__}, not {self._kind.__name__}')
        return value


class JournalStore(Store):
    """A store that remembers its net writes, so that a worker process can return them as a delta."""

    def __init__(self, initial: Mapping[str, Any] | None = None, limits: Limits = _NO_LIMITS) -> None:
        self.delta: dict[str, Delta] = {}
        ttl = None if limits.ttl_s == _FOREVER else limits.ttl_s
        super().__init__(initial, max_entries=limits.max_entries, ttl=ttl)
        self.delta.clear()

    def set(self, key: str, value: Any, ttl: float | str | None = None) -> None:
        """As `Store.set`, noted."""
        super().set(key, value, ttl)
        self.delta.pop(self._prefix + key, None)
        self.delta[self._prefix + key] = (True, value, ttl)

    def delete(self, key: str) -> int:
        """As `Store.delete`, noted for each key it deletes."""
        before = [k for k in self if k == key or (key.endswith("*") and k.startswith(key[:-1]))]
        self.delta.update({self._prefix + k: (False, None, None) for k in before})
        return super().delete(key)


def _copies(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Deep copies of values; what cannot be copied, a lock for example, is shared."""
    copies = {}
    for key, value in contents.items():
        try:
            copies[key] = deepcopy(value)
        except Exception:  # any class may fail to copy in its own way
            copies[key] = value
    return copies


def begun(like: Store, contents: Mapping[str, Any]) -> Store:
    """The store of one run: fresh, with the options and initial contents of another one, and copies of these contents."""
    new = like.fresh()
    for key, value in _copies(_checked_keys(contents)).items():
        new.set(key, value)
    return new


def _checked_keys(contents: Any) -> Mapping[str, Any]:
    if not isinstance(contents, Mapping):
        kind = type(contents).__name__
        raise UsageError(f"store is of type {kind}: give a Store, or a dictionary with the first contents of a run's own store")
    for key in contents:
        if not isinstance(key, str):
            raise UsageError(f"store: the key {key!r} is not a text")
    return contents


def apply_delta(store: Store, delta: Mapping[str, Delta]) -> None:
    """Write what a JournalStore remembered into another store."""
    for key, (is_set, value, ttl) in delta.items():
        if is_set:
            store.set(key, value, ttl)
        else:
            store.delete(key)
