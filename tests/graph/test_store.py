"""The store against an obvious model with a clock of its own, and under eight threads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cloudpickle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.errors import UsageError
from pocket_lab.graph.store import JournalStore, ReadOnlyStore, Store, StorePerScope, apply_delta, begun

KEYS = st.sampled_from(["a", "ab", "s:a"])
SCOPES = st.sampled_from(["", "s"])
TTLS = st.sampled_from([None, 1, 3.0, "2s", "1 min"])
SECONDS = {None: None, 1: 1.0, 3.0: 3.0, "2s": 2.0, "1 min": 60.0}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Pair:
    """A store, and beside it rows of (full key, value, end): what has expired leaves when it is read, and before a set."""

    def __init__(self, most: int | None, ttl: float | None) -> None:
        self.clock, self.most, self.ttl = Clock(), most, ttl
        self.rows: list[tuple[str, int, float]] = []
        self.told: list[tuple[str, int, str]] = []
        self.expected: list[tuple[str, int, str]] = []
        self.store = Store(max_entries=most, ttl=ttl, on_evict=lambda *told: self.told.append(told), clock=self.clock)
        self.count = 0

    def view(self, scope: str) -> Store:
        return self.store.scope(scope) if scope else self.store

    def place(self, key: str) -> int | None:
        return next((place for place, row in enumerate(self.rows) if row[0] == key), None)

    def set(self, scope: str, key: str, ttl: Any) -> None:
        self.count += 1
        for row in sorted((row for row in self.rows if row[2] <= self.clock.now), key=lambda row: (row[2], row[0])):
            self.rows.remove(row)
            self.expected.append((*row[:2], "expired"))
        self.view(scope).set(key, self.count, ttl)
        full, seconds = f"{scope}:{key}".lstrip(":"), self.ttl if ttl is None else SECONDS[ttl]
        row, place = (full, self.count, float("inf") if seconds is None else self.clock.now + seconds), self.place(full)
        if self.most is None and place is not None:
            self.rows[place] = row
            return
        self.rows = [other for other in self.rows if other[0] != full] + [row]
        while self.most is not None and len(self.rows) > self.most:
            self.expected.append((*self.rows.pop(0)[:2], "full"))

    def get(self, scope: str, key: str, _: Any) -> None:
        place = self.place(f"{scope}:{key}".lstrip(":"))
        got = self.view(scope).get(key, "absent")
        if place is None:
            assert got == "absent"
        elif self.rows[place][2] <= self.clock.now:
            assert got == "absent"
            self.expected.append((*self.rows.pop(place)[:2], "expired"))
        else:
            assert got == self.rows[place][1]
            if self.most is not None:
                self.rows.append(self.rows.pop(place))

    def delete(self, scope: str, key: str, _: Any) -> None:
        self.remove(scope, key)

    def delete_all(self, scope: str, key: str, _: Any) -> None:
        self.remove(scope, key[:-1] + "*")

    def remove(self, scope: str, key: str) -> None:
        full = f"{scope}:{key}".lstrip(":")
        doomed = [row for row in self.rows if row[0] == full or (full[-1] == "*" and row[0].startswith(full[:-1]))]
        assert self.view(scope).delete(key) == sum(row[2] > self.clock.now for row in doomed)
        self.rows = [row for row in self.rows if row not in doomed]

    def clear(self, scope: str, key: str, _: Any) -> None:
        self.view(scope).scope(key).clear()
        start = f"{scope}:{key}:".lstrip(":")
        self.rows = [row for row in self.rows if not row[0].startswith(start)]

    def wait(self, scope: str, key: str, ttl: Any) -> None:
        self.clock.now += SECONDS[ttl] or 0.5

    def compare(self) -> None:
        live = [(key, value) for key, value, end in self.rows if end > self.clock.now]
        for scope in ("", "s", "a", "s:s"):
            start = f"{scope}:" if scope else ""
            seen = [(key[len(start) :], value) for key, value in live if key.startswith(start)]
            assert self.view(scope).items() == seen
            assert list(self.view(scope)) == [key for key, _ in seen]
            assert len(self.view(scope)) == len(seen)
            assert [key for key in ("a", "ab", "s:a", "s:ab", "s:s:a") if key in self.view(scope)] == sorted(
                key for key, _ in seen
            )
        assert self.told == self.expected


VERBS = st.sampled_from(["set", "set", "set", "get", "get", "get", "delete", "delete_all", "clear", "wait", "wait"])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([None, 1, 2, 3, 4]),
    st.sampled_from([None, 2.0]),
    st.lists(st.tuples(VERBS, SCOPES, KEYS, TTLS), min_size=25, max_size=60),
)
def test_a_store_does_what_its_model_does(most: int | None, ttl: float | None, steps: list[tuple[str, str, str, Any]]) -> None:
    pair = Pair(most, ttl)
    for verb, *how in steps:
        getattr(pair, verb)(*how)
        pair.compare()


@pytest.fixture
def _switching_often() -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before_s)


def in_threads(work: Any, count: int = 8) -> None:
    start = threading.Barrier(count)
    with ThreadPoolExecutor(count) as threads:
        for done in [threads.submit(lambda number=number: (start.wait(), work(number))) for number in range(count)]:
            done.result()


@pytest.mark.usefixtures("_switching_often")
def test_eight_threads_lose_no_write() -> None:
    store = Store()

    def write(number: int) -> None:
        scope = store.scope(f"t{number}")
        for turn in range(500):
            scope.set(str(turn), number * turn)
            store.set(f"shared{turn}", number)
            assert scope.get(str(turn)) == number * turn
            if turn % 2:
                assert scope.delete(str(turn)) == 1

    in_threads(write)
    expected = {f"t{number}:{turn}": number * turn for number in range(8) for turn in range(0, 500, 2)}
    assert {key: value for key, value in store.items() if ":" in key} == expected
    assert sum(key.startswith("shared") for key in store) == 500


class YieldingInt(int):
    """Lets other threads in wherever it is compared, in the middle of whatever compares it."""

    def __lt__(self, other: int) -> bool:
        time.sleep(0)
        return int(self) < other


@pytest.mark.usefixtures("_switching_often")
def test_eight_threads_on_a_bounded_store_see_each_write_kept_or_told_once() -> None:
    told: list[tuple[str, int, str]] = []
    store = Store(max_entries=YieldingInt(2), on_evict=lambda *entry: told.append(entry))
    in_threads(lambda number: [store.set(f"{number}.{turn}", turn) for turn in range(300)])
    assert len(store) == 2
    assert {reason for _, _, reason in told} == {"full"}
    assert sorted([*store.items(), *((key, value) for key, value, _ in told)]) == sorted(
        (f"{number}.{turn}", turn) for number in range(8) for turn in range(300)
    )


def test_the_callback_runs_outside_the_lock_and_what_it_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def tell(key: str, value: int, reason: str) -> None:
        other = threading.Thread(target=lambda: seen.append(len(store)))
        other.start()
        other.join(10)
        raise LookupError(f"{key} {value} {reason}")

    store = Store(max_entries=1, on_evict=tell)
    store.set("a", 1)
    store.set("b", 2)
    assert seen == [1]
    assert store.items() == [("b", 2)]
    ((logger, _, message),) = caplog.record_tuples
    assert (logger, message) == ("pocket_lab", 'on_evict failed for the key "a"')
    assert "LookupError: a 1 full" in caplog.text


def test_one_failing_callback_does_not_keep_the_next_eviction_from_being_told() -> None:
    clock, told = Clock(), []

    def tell(key: str, value: int, reason: str) -> None:
        told.append((key, reason))
        raise LookupError(key)

    store = Store(max_entries=3, on_evict=tell, clock=clock)
    for key, ttl in (("late", 3), ("early", 1), ("kept", None)):
        store.set(key, 0, ttl)
    clock.now += 5
    store.set("new", 1)
    assert told == [("early", "expired"), ("late", "expired")]
    assert [key for key, _ in store.items()] == ["kept", "new"]


def test_what_has_expired_leaves_before_a_live_entry_has_to() -> None:
    clock, told = Clock(), []
    store = Store(max_entries=2, on_evict=lambda *entry: told.append(entry), clock=clock)
    store.set("live", 1)
    store.set("dead", 2, ttl=1)
    clock.now += 1
    store.set("new", 3)
    assert told == [("dead", 2, "expired")]
    assert store.items() == [("live", 1), ("new", 3)]
    store.set("newer", 4)
    assert told[1:] == [("live", 1, "full")]


def test_a_delete_counts_live_entries_only_and_tells_nobody() -> None:
    clock, told = Clock(), []
    store = Store(on_evict=lambda *entry: told.append(entry), clock=clock)
    for key, ttl in (("t:a", 1), ("t:b", 5), ("t:c", None), ("other", 1)):
        store.set(key, 0, ttl)
    clock.now += 2
    assert store.delete("t:*") == 2
    assert store.delete("other") == 0
    assert (store.items(), told) == ([], [])


@pytest.mark.parametrize(
    "options",
    [
        {"max_entries": 0},
        {"max_entries": -1},
        {"max_entries": "3"},
        {"max_entries": 1.5},
        {"ttl": "soon"},
        {"ttl": float("nan")},
        {"ttl": -1},
    ],
)
def test_a_store_that_cannot_be_is_a_usage_error(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"max_entries=|is not a duration"):
        Store(**options)
    with pytest.raises(UsageError, match="'soon' is not a duration"):
        Store().set("k", 1, ttl="soon")


def test_a_fresh_store_has_the_options_and_the_initial_contents_and_not_the_later_ones() -> None:
    clock = Clock()
    old = Store({"s:seed": 1}, max_entries=2, ttl=5, clock=clock)
    old.set("later", 2)
    old.scope("s").set("seed", 3)
    new = old.fresh()
    assert new.items() == [("s:seed", 1)]
    assert old.scope("s").fresh().items() == [("seed", 1)]
    new.set("x", 1)
    new.set("y", 1)
    assert new.items() == [("x", 1), ("y", 1)]
    clock.now += 5
    assert len(new) == 0


def test_a_typed_view_gives_and_takes_one_type_and_names_the_key() -> None:
    store = Store({"n": 1, "t": "text"})
    numbers = store.typed(int)
    numbers.set("m", 2)
    assert (numbers.get("n"), numbers.get("m"), numbers.get("absent")) == (1, 2, None)
    for wrong in (lambda: numbers.get("t"), lambda: numbers.set("t", "x")):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=r'^store key "t" holds str, not int$'):
            wrong()


def test_a_typed_view_of_a_scope_is_typed_and_a_subclass_fits() -> None:
    store = Store({"s:n": 1, "s:t": "text"})
    numbers = store.scope("s").typed(int)
    assert (numbers.get("n"), store.typed(int).scope("s").get("n"), "t" in numbers, numbers.delete("n")) == (1, 1, True, 1)
    numbers.set("flag", True)
    for wrong in (lambda: numbers.get("t"), lambda: store.typed(int).scope("s").get("t"), lambda: numbers.set("t", 1.5)):
        with pytest.raises(UsageError, match=r'^store key "t" holds (str|float), not int$'):
            wrong()
    assert store.items() == [("s:t", "text"), ("s:flag", True)]


def test_a_view_of_a_parameterised_type_is_a_usage_error_or_checks_the_container() -> None:
    view = Store({"k": "text"}).typed(list[int])
    with pytest.raises(UsageError, match="list"):
        view.get("k")


def test_a_read_only_view_reads_scopes_and_writes_nothing() -> None:
    view = ReadOnlyStore(Store({"a": 1, "s:b": 2}))
    assert (view.get("a"), view.get("z", 9), view.scope("s").get("b"), "a" in view, "b" in view.scope("s")) == (
        1,
        9,
        2,
        True,
        True,
    )
    for verb in ("set", "delete", "clear"):
        assert not hasattr(view, verb)


def test_a_store_crosses_with_its_entries_and_goes_its_own_way_there() -> None:
    store = Store({"s:a": 1}, max_entries=3)
    arrived = cloudpickle.loads(cloudpickle.dumps(store.scope("s")))
    assert arrived.items() == [("a", 1)]
    arrived.set("b", 2)
    assert store.items() == [("s:a", 1)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "delete", "clear"]), SCOPES, KEYS | st.sampled_from(["a*", "s:*"]), st.integers())
    )
)
def test_the_delta_of_a_journal_has_the_same_effect_at_home(actions: list[tuple[str, str, str, int]]) -> None:
    contents = {"a": 0, "ab": 0, "s:a": 0, "other": 0}
    home, journal, direct = Store(contents), JournalStore(contents), Store(contents)
    for verb, scope, key, value in actions:
        for store in (journal, direct):
            view = store.scope(scope) if scope else store
            if verb == "set":
                view.set(key, value)
            elif verb == "delete":
                view.delete(key)
            else:
                view.clear()
    apply_delta(home, journal.delta)
    assert dict(home.items()) == dict(journal.items()) == dict(direct.items())
    written = {key for key, (is_set, *_) in journal.delta.items() if is_set}
    assert written <= {key for key, _ in direct.items()}


def test_what_was_written_last_in_a_journal_is_the_most_recent_at_home() -> None:
    home, journal = Store({"old": 0}, max_entries=2), JournalStore()
    for key in ("a", "b", "a"):
        journal.set(key, 1)
    apply_delta(home, journal.delta)
    assert home.items() == [("b", 1), ("a", 1)]


def test_a_store_that_begins_with_more_contents_gives_copies_of_them_to_fresh_ones() -> None:
    given = {"list": [1]}
    store = Store({"unit": "m"}, max_entries=3, ttl="1m").beginning(given)
    store.get("list").append(2)
    fresh = store.fresh()
    assert (dict(fresh.items()), given, fresh.limits) == ({"unit": "m", "list": [1]}, {"list": [1]}, store.limits)
    scope = Store().scope("s").beginning({"k": 1})
    assert (scope.get("k"), scope.fresh().get("k")) == (1, 1)


@pytest.mark.parametrize(
    ("contents", "message"), [({3: 1}, "the key 3 is not a text"), ([1], "store is of type list: give a Store, or a d")]
)
def test_first_contents_are_a_dictionary_with_texts_as_keys(contents: Any, message: str) -> None:
    for begin in (Store().beginning, lambda given: begun(Store(), given), lambda given: StorePerScope(Store(), given)):
        with pytest.raises(UsageError, match=message):
            begin(contents)
