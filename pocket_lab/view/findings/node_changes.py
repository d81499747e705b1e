"""Which nodes a change comes from, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pocket_lab.frames.points import point_of
from pocket_lab.records.point import describe
from pocket_lab.units import format_duration
from pocket_lab.view.text.table import shorten

_MOST_NAMES = 3
_UNEXPLAINED = 0.2  # of the change, that nodes may leave open and still be said to be where it comes from


def node_change_sentences(nodes: pd.DataFrame, frame: pd.DataFrame, margin: float) -> list[str]:
    """A sentence for each changed pair with traced nodes; of unchanged pairs only where nodes cancel each other out."""
    texts = []
    for number, of_pair in nodes.groupby("pair", sort=False):
        row = frame.iloc[int(str(number))]
        text = _sentence(of_pair, row, margin)
        if text:
            where = f"{describe(point_of(row.to_dict()))}: " if len(frame) > 1 else ""
            texts.append(f"{where}{text}")
    return texts


def _sentence(nodes: pd.DataFrame, pair: pd.Series[Any], margin: float) -> str:
    rows, verdict = nodes.to_dict("records"), pair["verdict"]
    one_s = sum(row["a_s"] for row in rows if not math.isnan(row["a_s"]))
    changed = [row for row in rows if row["is_changed"] and abs(row["change_s"]) >= margin * one_s]
    changed.sort(key=lambda row: -abs(row["change_s"]))
    both_ways = len({row["change_s"] > 0 for row in changed}) == 2
    if verdict == "same" and both_ways:
        return f"Nodes changed in both directions: {_listed(changed)}."
    if verdict not in ("slower", "faster") or len(rows) < 2:
        return ""
    if not changed:
        return "Cannot tell which node the change comes from."
    total_s = sum(row["change_s"] for row in rows)
    explained_s = sum(row["change_s"] for row in changed)
    is_as_judged = (total_s > 0) == (verdict == "slower") and (explained_s > 0) == (total_s > 0)
    if not is_as_judged or math.isnan(changed[0]["share"]):
        return f"Cannot tell which node the change comes from; these changed: {_listed(changed)}."
    start = "The change comes from"
    if abs(total_s - explained_s) > _UNEXPLAINED * abs(total_s):
        return f"Only a part of the change comes from {_listed(changed)}: {_times(pair)} change by {_signed(total_s)} in all."
    if len(changed) == 1:
        return f"{start} `{_name(changed[0])}` ({_words(changed[0], f' of {_signed(total_s)} in {_times(pair)}')})."
    return f"{start} {_listed(changed)}; {_times(pair)} change by {_signed(total_s)} in all."


def _times(pair: pd.Series[Any]) -> str:
    """Which times of the nodes are compared: not those of the verdict where that is of CPU time, or of several workers."""
    return f"{'wall ' if pair['basis'] == 'cpu' else ''}self times{' of all workers' if pair['workers'] > 1 else ''}"


def _listed(rows: list[dict[Any, Any]]) -> str:
    texts = [f"`{_name(row)}` ({_words(row)})" for row in rows[:_MOST_NAMES]]
    more = len(rows) - _MOST_NAMES
    texts += [f"{more} other{'s' if more > 1 else ''}"] if more > 0 else []
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _name(row: Mapping[Any, Any]) -> str:
    return shorten(str(row["node"]))


def _words(row: Mapping[Any, Any], of_all: str = "") -> str:
    only = ", only before" if math.isnan(row["b_s"]) else ", only after" if math.isnan(row["a_s"]) else ""
    half_s = (row["change_high_s"] - row["change_low_s"]) / 2
    return f"{_signed(row['change_s'])} ± {format_duration(half_s)}{of_all}{only}"


def _signed(seconds: float) -> str:
    return f"{'+' if seconds >= 0 else '-'}{format_duration(abs(seconds))}"
