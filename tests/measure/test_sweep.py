"""Options of a verb: parsed once, refused in one clear sentence."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pocket_lab.errors import UsageError
from pocket_lab.measure.sweep import Sweep, parse_sweep


def test_nothing_asked_is_one_point_for_thirty_seconds() -> None:
    assert parse_sweep() == Sweep((None,), (1,), None, "run", None, 0.02, 30.0, None, "process", False, "fresh", "warm")


def test_texts_become_base_units() -> None:
    sweep = parse_sweep(sizes="10,1k", workers="1..3", executors="threads, processes", precision="5%", budget="2m")
    assert sweep.sizes == (10, 1000)
    assert sweep.workers == (1, 2, 3)
    assert sweep.executors == ("threads", "processes")
    assert sweep.precision == pytest.approx(0.05)
    assert sweep.budget_s == 120.0


def test_rates_and_timeouts_are_numbers_or_texts() -> None:
    sweep = parse_sweep(drive="load", rate="12.5", point_timeout="200ms", store="shared", caches="cold", fresh_input=True)
    assert (sweep.rate, sweep.point_timeout_s) == (12.5, 0.2)
    assert (sweep.store, sweep.caches, sweep.fresh_input) == ("shared", "cold", True)
    assert parse_sweep(drive="load", rate=200).rate == 200.0


def test_singular_and_plural_mean_the_same() -> None:
    assert parse_sweep(size=10, executor="serial") == parse_sweep(sizes=[10], executors=["serial"])


def test_a_flag_takes_the_booleans_of_numpy_too() -> None:
    assert parse_sweep(fresh_input=np.bool_(True)).fresh_input is True
    assert parse_sweep(fresh_input=np.bool_(False)).fresh_input is False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": "10,x"}, "sizes"),
        ({"sizes": -1}, "sizes: -1"),
        ({"sizes": "-1"}, "sizes: -1"),
        ({"sizes": []}, "sizes"),
        ({"sizes": [1.5]}, "sizes"),
        ({"size": 1, "sizes": 2}, "sizes="),
        ({"workers": 0}, "workers: 0"),
        ({"executors": "thread"}, "executors: 'thread'"),
        ({"drive": "walk"}, "drive: 'walk'"),
        ({"precision": "200%"}, "precision"),
        ({"precision": "often"}, "precision: 'often'"),
        ({"size": [1, 2]}, "size: [1, 2] is more than one value; give them as sizes"),
        ({"executor": ["threads", "serial"]}, "executor: ['threads', 'serial'] is more than one value"),
        ({"executors": []}, "executors: the list is empty"),
        ({"executors": itertools.repeat("threads")}, "executors: the list has more than 100 names"),
        ({"executors": 5}, "executors: 5 is not known; choose from serial"),
        ({"sizes": np.ones((2, 2))}, "sizes: "),
        ({"budget": np.ones((2, 2))}, "budget: "),
        ({"store": "new"}, "store: 'new' is not known; choose from fresh, shared"),
        (
            {"store": {"unit": "m"}},
            "store is fresh or shared here, and not dict: graph.with_store({...}) gives the runs",
        ),
        ({"fresh_input": "no"}, "fresh_input: 'no' is not True or False"),
        ({"fresh_input": 1}, "fresh_input: 1 is not True or False"),
        ({"rate": True, "drive": "load"}, "rate=True"),
        ({"budget": "soon"}, "budget: 'soon'"),
        ({"budget": 0}, "budget"),
        ({"isolation": "none"}, "isolation: 'none'"),
        ({"store": "mine"}, "store: 'mine'"),
        ({"caches": "hot"}, "caches: 'hot'"),
        ({"rate": 10}, 'rate=10 is for the drive "load"'),
        ({"rate": 10, "drive": "map"}, 'this is the drive "map"'),
        ({"rate": 0, "drive": "load"}, "rate=0"),
        ({"rate": -1, "drive": "load"}, "rate=-1"),
        ({"rate": "inf", "drive": "load"}, "rate='inf'"),
        ({"rate": "nan", "drive": "load"}, "rate='nan'"),
        ({"rate": "often", "drive": "load"}, "rate='often'"),
        ({"rate": [5], "drive": "load"}, "rate=[5]"),
        ({"point_timeout": 0}, "point_timeout=0"),
        ({"point_timeout": "long"}, "point_timeout: 'long'"),
        ({"point_timeout": 5, "isolation": "kernel"}, 'no effect with isolation="kernel"'),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_sweep(**options)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
