"""The nodes of two compared graphs as a frame: their times in each traced round of both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pocket_lab.frames.pairs import PAIR_COLUMNS, pair_columns, pairs_of
from pocket_lab.frames.points import with_point_types
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.spans import NodeTime, Traced
from pocket_lab.stats.median_interval import NAN


def node_pairs_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per pair, traced round and node: its self time in one run of both sides, in the order in which nodes begin.

    A node that a side did not visit in this round takes 0 there; one that this side never visits is missing there (NaN). A node
    that was replaced by one with another name has both names: "score → fast_score".
    """
    passes: dict[Point, list[dict[str, float]]] = {}
    for record in records:
        if isinstance(record, Traced):
            passes.setdefault(record.point, []).append({})
        elif isinstance(record, NodeTime) and record.point in passes:
            passes[record.point][-1][record.node] = record.wall_s
    rows: list[dict[str, Any]] = []
    for number, points in enumerate(pairs_of(records)):
        sides = _with_replaced([[one for one in passes.get(point, []) if one] for point in points])
        known = [{node for one in side for node in one} for side in sides]
        nodes = list(dict.fromkeys(node for side in sides for one in side for node in one))
        for round_number, both in enumerate(zip(*sides, strict=False), 1):
            for node in nodes:
                a_s, b_s = (one.get(node, 0.0) if node in of_side else NAN for one, of_side in zip(both, known, strict=True))
                rows.append({**pair_columns(number, *points), "node": node, "round": round_number, "a_s": a_s, "b_s": b_s})
    return with_point_types(pd.DataFrame(rows, columns=[*PAIR_COLUMNS, "node", "round", "a_s", "b_s"]))


def _with_replaced(sides: list[list[dict[str, float]]]) -> list[list[dict[str, float]]]:
    """The passes of both sides, with one name for two nodes that are only on one side each, at the same position of as many."""
    orders = [list(dict.fromkeys(node for one in side for node in one)) for side in sides]
    if len(orders[0]) != len(orders[1]):
        return sides
    pairs = [(a, b) for a, b in zip(*orders, strict=True) if a not in orders[1] and b not in orders[0]]
    names = {node: f"{a} → {b}" for a, b in pairs for node in (a, b)}
    return [[{names.get(node, node): seconds for node, seconds in one.items()} for one in side] for side in sides]
