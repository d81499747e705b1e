"""The verdicts on two stored runs in sentences: raw, the machine, corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pocket_lab.analysis.compare.means import geometric_mean
from pocket_lab.analysis.compare.stored import CORRECTED, STORED_REASONS
from pocket_lab.units import format_duration, format_percent
from pocket_lab.view.change import format_change
from pocket_lab.view.findings.machine import speed_words

_WORDS = {
    "slower": "{} is slower",
    "faster": "{} is faster",
    "same": "the same within the margin",
}
_UNDECIDED = {True: "no change shown", False: "cannot tell"}


def stored_sentences(frame: pd.DataFrame) -> list[str]:
    """The verdict on the only point; or the number of points per verdict, and the geometric means."""
    if len(frame) <= 1:
        return [stored_sentence(row) for row in frame.to_dict("records")]
    counts = [f"{count} of {len(frame)} points: {verdict}." for verdict, count in frame["verdict"].value_counts().items()]
    corrected = frame[frame["reason"] == CORRECTED]
    if len(corrected):
        raw, machine, rest = (geometric_mean(corrected, name) for name in ("cpu_ratio", "machine_ratio", "ratio"))
        which = "" if len(corrected) == len(frame) else f" of {len(corrected)} CPU-bound points"
        shown = f"CPU {format_change(raw)} raw. Machine: references {speed_words(machine)}. Corrected: {format_change(rest)}."
        counts.append(f"Geometric means{which}: {shown}")
    for reason, rows in frame[frame["reason"] != CORRECTED].groupby("reason"):
        are = "is" if len(rows) == 1 else "are"
        left_out = f"{len(rows)} of {len(frame)} points {are} not corrected for the machine: {STORED_REASONS[str(reason)]}."
        counts.append(left_out + _needed(rows["seconds_needed"].max()))
    return counts


def stored_sentence(row: Mapping[Any, Any]) -> str:
    """Raw change, machine, corrected change with its interval, verdict; without a correction, why there is none."""
    undecided = _UNDECIDED[row["reason"] == CORRECTED]
    verdict = _WORDS.get(row["verdict"], undecided).format(row["target_b"])
    clock, raw = ("CPU", row["cpu_ratio"]) if row["basis"] == "cpu" else ("Wall", row["wall_ratio"])
    shown = f"{clock} {format_change(raw)} raw."
    if pd.notna(row["machine_ratio"]):
        shown += f" Machine: references {speed_words(row['machine_ratio'])}."
    half = format_percent(row["ratio_high"] / row["ratio"] - 1)
    if row["reason"] == CORRECTED:
        return f"{shown} Corrected: {format_change(row['ratio'])} ± {half}: {verdict}."
    may = f", so that unchanged code may differ by {half}" if pd.notna(row["ratio_high"]) else ""
    return f"{shown} Not corrected ({STORED_REASONS[row['reason']]}){may}: {verdict}.{_needed(row['seconds_needed'])}"


def _needed(seconds: float) -> str:
    return f" Runs of about {format_duration(seconds)} each might tell." if seconds > 0 else ""
