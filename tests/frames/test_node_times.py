"""The times of nodes over several runs of a point."""

from __future__ import annotations

import pandas as pd
import pytest

from pocket_lab.frames.spans import node_times_frame
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.spans import NodeTime
from pocket_lab.view.findings.bench import node_sentences

POINT = Point("t", 10, 1, "serial", "run")


def passes(*shares_of_score: float) -> pd.DataFrame:
    records: list[Record] = []
    for number, share in enumerate(shares_of_score):
        records.append(NodeTime(POINT, "read", number, 1 - share, 1 - share, 0.0, 0))
        records.append(NodeTime(POINT, "score", number, share, share, 0.0, 0))
    return node_times_frame(records)


def test_one_interrupted_run_is_not_the_share_of_a_node() -> None:
    row = passes(0.1, 0.5, 0.51, 0.49, 0.98, 0.5, 0.52, 0.48).set_index("node").loc["score"]
    assert (row["share"], row["wall_s"], row["runs"], row["calls"]) == (0.5, 0.5, 7, 7), "the first run is left out"
    assert row["share_low"] <= 0.49
    assert row["share_high"] >= 0.51
    (text,) = node_sentences(passes(0.1, *[0.6] * 6))
    assert text == (
        "Nodes, from 6 separate runs with spans at size 10, serial x 1: score 60 % [60, 60], read 40 % [40, 40] of their time "
        "(all of them in .nodes)."
    )


@pytest.mark.parametrize(("shares", "runs"), [([0.98], "one separate run"), ([0.3, 0.98, 0.98], "2 separate runs")])
def test_few_runs_have_no_interval_and_say_so(shares: list[float], runs: str) -> None:
    frame = passes(*shares)
    assert frame["share_low"].isna().all()
    (text,) = node_sentences(frame)
    assert text.startswith(f"Nodes, from {runs} with spans at size 10, serial x 1, too few for an interval: score 98 %, read")
