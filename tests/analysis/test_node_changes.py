"""Which nodes a change comes from: in frames of rounds whose truth is known, and in sentences."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping

import pandas as pd
import pytest

from pocket_lab.analysis.compare.nodes import NODE_COLUMNS, compare_nodes
from pocket_lab.frames.node_pairs import node_pairs_frame
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Planned
from pocket_lab.records.record import Record
from pocket_lab.records.spans import NodeTime, Traced
from pocket_lab.view.findings.node_changes import node_change_sentences

SIDES = tuple(Point(name, 10, 1, "serial", "run") for name in ("before", "after"))
Times = Mapping[str, float]


def traced(a: Times, b: Times, rounds: int = 12, noise: float = 0.01, seed: int = 1) -> list[Record]:
    """The records of rounds in which the nodes of both sides take these times, with relative noise, as a batch has it."""
    dice = random.Random(seed)
    records: list[Record] = [Planned(SIDES, 4.0)]
    for _ in range(rounds):
        for point, times in dice.sample([(SIDES[0], a), (SIDES[1], b)], 2):
            records.append(Traced(point, 1.0, len(times), 0.0, 0.0))
            speed = dice.gauss(1.0, noise)
            records += [
                NodeTime(point, node, 1, seconds * speed * dice.gauss(1.0, noise), 0.0, 0.0, 0)
                for node, seconds in times.items()
            ]
    return records


def nodes(a: Times, b: Times, **options: float) -> pd.DataFrame:
    return compare_nodes(node_pairs_frame(traced(a, b, **options)))  # type: ignore[arg-type]


def said(a: Times, b: Times, verdict: str = "slower", basis: str = "wall", workers: int = 1, **options: float) -> list[str]:
    pair = {"target_a": "before", "target_b": "after", "size": 10, "verdict": verdict, "workers": workers, "basis": basis}
    frame = pd.DataFrame([pair])
    return node_change_sentences(nodes(a, b, **options), frame, 0.01)


def without_noise(text: str) -> str:
    """The sentence without half widths, which are of some nanoseconds here."""
    found = re.findall(r"± (\d\.\d\d ns)", text)
    assert found
    for half in found:
        text = text.replace(half, "NOISE")
    return text


BEFORE = {"read": 1e-3, "score": 4e-3, "rank": 2e-3}


def test_a_node_has_both_times_its_change_with_an_interval_and_its_share() -> None:
    frame = nodes(BEFORE, {**BEFORE, "rank": 3e-3}).set_index("node")
    assert [*frame.columns] == [name for name in NODE_COLUMNS if name not in ("node", "params")]
    rank = frame.loc["rank"]
    assert rank["a_s"] == pytest.approx(2e-3, rel=0.02)
    assert rank["b_s"] == pytest.approx(3e-3, rel=0.02)
    assert rank["change_low_s"] < 1e-3 < rank["change_high_s"]
    assert rank["share"] == pytest.approx(1.0, abs=0.2)
    assert list(frame["is_changed"]) == [False, False, True]
    assert set(frame["rounds"]) == {12}


def test_one_node_that_is_slower_is_where_the_change_comes_from() -> None:
    (text,) = said(BEFORE, {**BEFORE, "rank": 3e-3}, noise=1e-6)
    assert without_noise(text) == "The change comes from `rank` (+1.00 ms ± NOISE of +1.00 ms in self times)."


def test_it_is_said_of_which_times_a_sentence_speaks_where_the_verdict_has_others() -> None:
    after = {**BEFORE, "rank": 3e-3}
    (text,) = said(BEFORE, after, basis="cpu")
    assert text.endswith("in wall self times).")
    (text,) = said(BEFORE, after, basis="cpu", workers=4)
    assert text.endswith("in wall self times of all workers).")
    (text,) = said(BEFORE, after, workers=4)
    assert text.endswith("in self times of all workers).")
    (half,) = re.findall(r"± (\d+\.\d+) µs", text)
    assert 3 < float(half) < 60, "noise of 1 % of each node, of twelve rounds"


def test_two_nodes_in_both_directions_are_both_named_also_where_they_cancel_out() -> None:
    (text,) = said(BEFORE, {**BEFORE, "rank": 4e-3, "score": 3e-3}, noise=1e-6)
    assert (
        without_noise(text) == "The change comes from `rank` (+2.00 ms ± NOISE) "
        "and `score` (-1.00 ms ± NOISE); self times change by +1.00 ms in all."
    )
    (text,) = said(BEFORE, {**BEFORE, "rank": 3e-3, "score": 3e-3}, "same", noise=1e-6)
    assert text.startswith("Nodes changed in both directions: `")


def test_nodes_of_one_side_are_named_as_such() -> None:
    after = {"read": 1e-3, "rank": 2e-3}
    frame = nodes(BEFORE, after, noise=1e-6).set_index("node")
    assert math.isnan(frame.loc["score", "b_s"])
    (text,) = said(BEFORE, after, "faster", noise=1e-6)
    assert without_noise(text) == "The change comes from `score` (-4.00 ms ± NOISE of -4.00 ms in self times, only before)."


def test_a_node_that_replaces_one_of_another_name_is_one_row() -> None:
    after = {"read": 1e-3, "cheaper": 1e-3, "rank": 2e-3}
    frame = nodes(BEFORE, after, noise=1e-6).set_index("node")
    assert {"score", "cheaper"}.isdisjoint(frame.index)
    (text,) = said(BEFORE, after, "faster", noise=1e-6)
    assert without_noise(text) == "The change comes from `score → cheaper` (-3.00 ms ± NOISE of -3.00 ms in self times)."


@pytest.mark.parametrize(
    ("after", "verdict", "options"),
    [
        (BEFORE, "slower", {}),  # the verdict found what the spans do not show
        ({**BEFORE, "rank": 2.05e-3}, "slower", {"noise": 0.2}),  # too noisy
        ({**BEFORE, "rank": 3e-3}, "slower", {"rounds": 4}),  # too few
        ({**BEFORE, "rank": 3e-3}, "faster", {}),  # the spans contradict the verdict
    ],
)
def test_where_the_rounds_do_not_show_it_no_node_is_to_blame(after: Times, verdict: str, options: dict[str, float]) -> None:
    (text,) = said(BEFORE, after, verdict, **options)
    assert text.startswith("Cannot tell which node the change comes from")


def test_nothing_is_said_of_what_did_not_change_or_of_a_single_node() -> None:
    assert said(BEFORE, BEFORE, "same") == []
    assert said(BEFORE, {**BEFORE, "rank": 3e-3}, "cannot tell") == []
    assert said({"one": 1e-3}, {"one": 2e-3}) == []
    assert node_change_sentences(compare_nodes(node_pairs_frame([Planned(SIDES, 4.0)])), pd.DataFrame(), 0.01) == []


def test_an_unchanged_node_is_called_changed_in_hardly_any_of_many_trials() -> None:
    called = sum(nodes(BEFORE, BEFORE, seed=seed, noise=0.05)["is_changed"].any() for seed in range(200))
    assert called <= 6  # of 200 a hundredth, and two standard errors


def test_a_node_that_a_round_does_not_visit_takes_nothing_there() -> None:
    records = (
        traced({"read": 1e-3, "rare": 1e-3}, {"read": 1e-3}, rounds=1) + traced({"read": 1e-3}, {"read": 1e-3}, rounds=1)[1:]
    )
    rare = node_pairs_frame(records).query("node == 'rare'")
    assert rare["a_s"].to_list() == pytest.approx([0.001, 0.0], abs=1e-4)
    assert rare["b_s"].isna().all()
