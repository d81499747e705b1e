"""The verdicts of a comparison in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pocket_lab.analysis.compare.means import geometric_mean
from pocket_lab.records.caveat import Caveat
from pocket_lab.units import format_duration, format_percent

_WORDS = {"same": "the same within the margin", "faster": "faster", "slower": "slower"}


def comparison_sentences(frame: pd.DataFrame, margin: float) -> list[str]:
    """The verdict of one pair, or the number of pairs per verdict and the geometric mean of their ratios."""
    if len(frame) <= 1:
        return [verdict_sentence(row, margin) for row in frame.to_dict("records")]
    counts = [f"{count} of {len(frame)} pairs: {verdict}." for verdict, count in frame["verdict"].value_counts().items()]
    return [*counts, f"Geometric mean of the ratios: {geometric_mean(frame):.3f}."]


def verdict_sentence(row: Mapping[Any, Any], margin: float) -> str:
    """The verdict on one pair with its change, interval and clock."""
    verdict = "cannot tell" if row["verdict"] == "cannot tell" else f"{row['target_b']} is {_WORDS[row['verdict']]}"
    interval = f"{_change(row['ratio_low'])} … {_change(row['ratio_high'])}"
    basis = f"{interval}, on {row['basis']} time; a change counts from {format_percent(margin)}"
    needed = f"; about {format_duration(row['seconds_needed'])} might tell" if pd.notna(row["seconds_needed"]) else ""
    return f"{verdict}: {_change(row['ratio'])} ({basis}){needed}."


def block_caveats(frame: pd.DataFrame, fewest: int) -> list[Caveat]:
    """How many pairs have fewer than `fewest` blocks, if there are such pairs."""
    few = int((frame["ratio"].notna() & frame["ratio_low"].isna()).sum()) if len(frame) else 0
    if not few:
        return []
    pairs = f"{few} of {len(frame)} pairs {'has' if few == 1 else 'have'}"
    return [Caveat("few-blocks", f"{pairs} fewer than {fewest} blocks and therefore no interval: raise the budget")]


def _change(ratio: float) -> str:
    return "–" if pd.isna(ratio) else f"{(ratio - 1) * 100:+.1f} %"
