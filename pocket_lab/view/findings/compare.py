"""The verdicts of a comparison in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pocket_lab.analysis.compare.basis import REASONS
from pocket_lab.analysis.compare.means import geometric_mean
from pocket_lab.analysis.precision import remedy_of
from pocket_lab.records.caveat import Caveat
from pocket_lab.units import format_duration, format_percent
from pocket_lab.view.change import format_both, format_change
from pocket_lab.view.text.table import shorten

_WORDS = {"same": "the same within the margin", "faster": "faster", "slower": "slower"}
_LONGEST_NAME = 40


def comparison_sentences(frame: pd.DataFrame, margin: float, budget_s: float = 0.0) -> list[str]:
    """The verdict of one pair, or the number of pairs per verdict and the geometric mean of their ratios; then the clock.

    `budget_s` is what the comparison had: a larger one is named where it did not tell.
    """
    rows = frame.to_dict("records")
    if len(rows) == 1:
        return [verdict_sentence(rows[0], margin, budget_s), *basis_sentences(rows)]
    counts = []
    for verdict, count in frame["verdict"].value_counts().items() if rows else ():
        time = _time_for([row for row in rows if row["verdict"] == "cannot tell"], len(rows), margin, budget_s)
        counts.append(f"{count} of {len(rows)} pairs: {verdict}{time if verdict == 'cannot tell' else ''}.")
    means = [f"Geometric mean of the ratios: {geometric_mean(frame):.3f}."] if frame["ratio"].notna().any() else []
    return [*counts, *means, *basis_sentences(rows)]


def verdict_sentence(row: Mapping[Any, Any], margin: float, budget_s: float = 0.0) -> str:
    """The verdict on one pair with the times of both sides, their change and its interval."""
    if pd.isna(row["ratio"]):
        return "cannot tell: there is no round in which both sides were measured."
    verdict = "cannot tell" if row["verdict"] == "cannot tell" else f"{_name(row['target_b'])} is {_WORDS[row['verdict']]}"
    times = "" if pd.isna(row["a_s"]) else f"{' → '.join(format_both(row['a_s'], row['b_s']))}, "
    known = pd.notna(row["ratio_low"])
    interval = f"{format_change(row['ratio_low'])} … {format_change(row['ratio_high'])}" if known else "no interval"
    counts = f"; a change counts from {format_percent(margin)}" if known else ""
    time = _time_for([row], 1, margin, budget_s) if row["verdict"] == "cannot tell" else ""
    return f"{verdict}: {times}{format_change(row['ratio'])} ({interval}{counts}){time}."


def _time_for(rows: list[Mapping[Any, Any]], pairs: int, margin: float, budget_s: float) -> str:
    """The budget that might decide all of these pairs, or that no credible one does; "" where time is not what is missing."""
    needed = [row["seconds_needed"] for row in rows if row["reason"] != "clocks" and pd.notna(row["ratio"])]
    credible = [seconds for seconds in needed if pd.notna(seconds)]
    if credible and any(row["status"] == "cancelled" for row in rows):
        return "; a run that is not stopped might tell"
    if credible:
        some = "" if len(credible) == len(rows) else f" {len(credible)} of them"
        more_s = max(pairs * max(credible), 2 * budget_s)  # the time of batches alone is less than the budget was
        return f"; a budget of about {format_duration(more_s)} might tell{some}"
    if needed and all(pd.notna(row["ratio_low"]) for row in rows) and all(row["reason"] != "unpaired" for row in rows):
        return f"; the times vary too much for a margin of {format_percent(margin)}"
    return ""


def basis_sentences(rows: list[dict[Any, Any]]) -> list[str]:
    """On which clock the verdicts are based, and why; nothing where nothing was measured, or the sides were stored."""
    measured = [row for row in rows if pd.notna(row["ratio"]) and row["reason"] not in ("unpaired", "nothing")]
    if not measured:
        return []
    kinds = {(row["basis"], row["reason"]) for row in measured}
    if len(kinds) > 1:
        on_cpu = sum(row["basis"] == "cpu" for row in measured)
        reasons = sorted({REASONS[row["reason"]] for row in measured if row["basis"] == "wall"})
        if not on_cpu:
            return [f"On wall time, since {'; or '.join(reasons)}."]
        contradicting = [row for row in measured if row["reason"] == "clocks"]
        texts = [
            f"On CPU time where both sides keep one core busy ({on_cpu} of {len(measured)} pairs), on wall time otherwise."
        ]
        if on_cpu == len(measured):
            texts = ["On CPU time, since both sides keep one core busy."]
        return [*texts, *map(_contradiction, contradicting)]
    if kinds == {("cpu", "clocks")}:
        return [_contradiction(row) for row in measured]
    return [_one_basis(measured)]


def _one_basis(rows: list[dict[Any, Any]]) -> str:
    """The sentence of rows that have one basis and one reason."""
    reason, workers = rows[0]["reason"], rows[0]["workers"]
    shares = {name: max(row[f"waits_{name}"] for row in rows) for name in "ab"}
    if reason == "busy":
        return f"On CPU time, since both sides keep one core busy ({format_percent(max(*shares.values(), 0.0))} waits)."
    if reason == "waits":
        waiting = "ab" if min(shares.values()) > max(shares.values()) / 2 else max(shares, key=lambda name: shares[name])
        if waiting == "ab":
            both = " and ".join(format_percent(share) for share in shares.values())
            return f"On wall time: both sides wait ({both} of their time)."
        name = _name(rows[0][f"target_{waiting}"])
        most = " up to" if len(rows) > 1 else ""
        return f"On wall time: {name} waits{most} {format_percent(shares[waiting])} of its time."
    if reason == "workers" and len({row["workers"] for row in rows}) == 1 and "|" not in str(workers):
        return f"On wall time, since {workers} workers share the work."
    return f"On wall time, since {REASONS[reason]}."


def _contradiction(row: Mapping[Any, Any]) -> str:
    changes = f"CPU time changed by {format_change(row['cpu_ratio'])} and wall time by {format_change(row['wall_ratio'])}"
    return f"The clocks contradict each other: {changes}."


def block_caveats(frame: pd.DataFrame, fewest: int) -> list[Caveat]:
    """How many pairs have fewer than `fewest` blocks, if there are such pairs."""
    few = int((frame["ratio"].notna() & frame["ratio_low"].isna()).sum()) if len(frame) else 0
    if not few:
        return []
    pairs = "the pair has" if len(frame) == 1 else f"{few} of {len(frame)} pairs {'has' if few == 1 else 'have'}"
    remedy = remedy_of(frame[frame["ratio"].notna() & frame["ratio_low"].isna()]["status"])
    why = f": {remedy}" if remedy else ""
    return [Caveat("few-blocks", f"{pairs} fewer than {fewest} blocks and therefore no interval{why}")]


def _name(target: object) -> str:
    return shorten(str(target), _LONGEST_NAME)
