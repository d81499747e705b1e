"""An input that a run changes is found out, and one that it leaves alone is not accused."""

from __future__ import annotations

import copy
import random
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.mutation import Fingerprint
from pocket_lab.records.caveat import Caveat

leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary())
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.sets(st.integers()))


class Slow:
    """A part of an input that takes its time to pickle, and is large enough to be written at once."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> dict[str, Any]:
        time.sleep(0.01)
        return {"number": self.number, "rest": random.Random(self.number).randbytes(1 << 17)}


def codes(target: Any, given: Any, **options: Any) -> list[str]:
    sweep = parse_sweep(**{"budget": 0.2, "isolation": "kernel", **options})
    return [record.code for record in sample(plan_job(target, given, sweep)) if isinstance(record, Caveat)]


@settings(max_examples=40)
@given(values)
def test_what_nobody_touched_has_not_changed(value: Any) -> None:
    before = Fingerprint(value)
    copy.deepcopy(value)
    assert not before.changed(value)
    assert not before.changed(value), "looking does not change it either"


@settings(max_examples=40)
@given(st.lists(values, max_size=3), leaves)
def test_a_list_that_grew_or_shrank_has_changed(value: list[Any], more: Any) -> None:
    before = Fingerprint(value)
    value.append(more)
    assert before.changed(value)
    value.pop()
    assert not before.changed(value)


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ({"a": [1, 2]}, lambda value: value["a"].reverse()),
        (np.zeros(1000), lambda value: value.__setitem__(999, 1.0)),
        (np.zeros((30, 40), order="F"), lambda value: value.sort() or value.__iadd__(1)),
        (pd.DataFrame({"a": [2, 1]}), lambda value: value.insert(1, "b", 0)),
        (bytearray(1 << 20), lambda value: value.__setitem__(-1, 1)),
        (list(range(100_000)), lambda value: value.__setitem__(99_999, 0)),
    ],
    ids=["a dict", "an array", "an array by columns", "a frame", "bytes", "a long list"],
)
def test_a_change_deep_inside_is_seen(value: Any, change: Any) -> None:
    before = Fingerprint(value)
    assert not before.changed(value)
    change(value)
    assert before.changed(value)


def test_an_iterator_is_used_up_by_the_first_run() -> None:
    assert Fingerprint(iter([1, 2])).changed(iter([1, 2]))
    assert Fingerprint(number for number in range(3)).changed(None)


def test_what_cannot_be_pickled_is_never_found_to_have_changed() -> None:
    lock = threading.Lock()
    before = Fingerprint([lock])
    assert not before.changed([lock, 1])
    parted: list[Any] = [1]
    before = Fingerprint(parted)
    parted[0] = lock
    assert not before.changed(parted), "where it cannot be pickled any more nobody knows"


def test_of_an_input_that_is_slow_to_pickle_only_the_beginning_is_looked_at() -> None:
    value = [Slow(number) for number in range(100)]
    start = time.monotonic()
    before = Fingerprint(value)
    assert time.monotonic() - start < 0.6, "a hundred of them would take more than a second"
    assert not before.changed(value)
    value[99].number = -1
    assert not before.changed(value)
    value[0].number = -1
    assert before.changed(value)


@pytest.mark.parametrize(
    ("target", "given", "options", "is_said"),
    [
        (lambda value: value.sort(), [3, 1, 2], {}, True),
        (lambda value: sorted(value), [3, 1, 2], {}, False),
        (lambda value: value.append(1), lambda size: list(range(size)), {"sizes": 5}, True),
        (lambda value: value.remove(4), lambda size: list(range(size)), {"sizes": 5, "fresh_input": True}, False),
        (lambda value: sum(value), lambda size: iter(range(size)), {"sizes": 5}, True),
        (Graph(Node("n", exec=lambda value: value.update(seen=len(value)))), {}, {}, True),
        (lambda value: value.append(1), [], {"drive": "load"}, True),
        (lambda item: item.append(1), [[1], [2]], {"drive": "map", "executors": "serial"}, True),
    ],
)
def test_a_target_that_changes_its_input_is_said(target: Any, given: Any, options: dict[str, Any], is_said: bool) -> None:
    assert ("input-changed" in codes(target, given, **options)) is is_said


def test_the_caveat_names_the_point_and_the_way_out() -> None:
    sweep = parse_sweep(sizes="2,3", budget=0.2, isolation="kernel")
    job = plan_job(lambda value: value.append(1) if len(value) > 2 else None, lambda size: list(range(size)), sweep)
    (caveat,) = [r for r in sample(job) if isinstance(r, Caveat) and r.code == "input-changed"]
    assert caveat.point == job.points[1]
    assert caveat.message.startswith("size 3, serial x 1: a run changes its input")
    assert "fresh_input=True" in caveat.message
