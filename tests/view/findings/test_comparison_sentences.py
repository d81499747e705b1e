"""A comparison in sentences: they say what the frame holds, and nothing else."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pocket_lab.analysis.compare.basis import REASONS
from pocket_lab.view.findings.compare import block_caveats, comparison_sentences

NAN = float("nan")


def row(verdict: str = "slower", **changes: Any) -> dict[str, Any]:
    made = {"target_a": "before", "target_b": "after", "executor": "serial", "workers": 1, "verdict": verdict, "basis": "cpu"}
    made |= {"reason": "busy", "waits_a": 0.001, "waits_b": 0.003, "a_s": 0.0121, "b_s": 0.01337, "seconds_needed": NAN}
    made |= {"status": "done"}
    made |= {"ratio": 1.105, "ratio_low": 1.098, "ratio_high": 1.112, "cpu_ratio": 1.105, "wall_ratio": 1.2}
    return {**made, **changes}


def said(*rows: dict[str, Any]) -> list[str]:
    return comparison_sentences(pd.DataFrame(rows), 0.01)


def test_a_pair_has_both_times_the_change_its_interval_and_the_clock_with_its_reason() -> None:
    assert said(row()) == [
        "after is slower: 12.10 ms → 13.37 ms, +10.5 % (+9.8 % … +11.2 %; a change counts from 1.0 %).",
        "On CPU time, since both sides keep one core busy (0.3 % waits).",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": "waits", "waits_b": 0.4}, "On wall time: after waits 40 % of its time."),
        ({"reason": "waits", "waits_a": 0.5, "waits_b": 0.4}, "On wall time: both sides wait (50 % and 40 % of their time)."),
        ({"reason": "workers", "workers": 4}, "On wall time, since 4 workers share the work."),
        ({"reason": "workers", "workers": "1 | 4"}, "On wall time, since several workers share the work."),
        ({"reason": "load"}, "On wall time, since under load a time is a latency."),
        ({"reason": "unknown", "waits_a": NAN, "waits_b": NAN}, f"On wall time, since {REASONS['unknown']}."),
        ({"reason": "helpers", "waits_b": -0.9}, "On wall time, since one side keeps more than one core busy."),
    ],
)
def test_wall_time_has_its_reason(changes: dict[str, Any], words: str) -> None:
    assert said(row(basis="wall", **changes))[1] == words


def test_a_contradiction_of_the_clocks_is_said_instead_of_a_time_that_might_tell() -> None:
    assert said(row("cannot tell", reason="clocks", cpu_ratio=1.0, wall_ratio=1.05))[1:] == [
        "The clocks contradict each other: CPU time changed by 0.0 % and wall time by +5.0 %."
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seconds_needed": 12.0}, "; a budget of about 12.0 s might tell."),
        ({"seconds_needed": NAN}, "; the times vary too much for a margin of 1.0 %."),
        ({"seconds_needed": 8.0, "ratio_low": NAN, "ratio_high": NAN}, "(no interval); a budget of about 8.00 s might tell."),
    ],
)
def test_a_time_that_might_tell_is_said_where_it_is_credible(changes: dict[str, Any], words: str) -> None:
    assert said(row("cannot tell", **changes))[0].endswith(words)


def test_a_comparison_that_was_stopped_names_no_budget() -> None:
    stopped = row("cannot tell", seconds_needed=12.0, status="cancelled")
    assert said(stopped)[0].endswith("; a run that is not stopped might tell.")
    assert "budget" not in "".join(said(stopped, row(), row()))
    without = {"ratio_low": NAN, "ratio_high": NAN}
    for status, remedy in (("cancelled", ": let the run end"), ("budget", ": raise the budget"), ("failed", "")):
        (caveat,) = block_caveats(pd.DataFrame([row("cannot tell", status=status, **without)]), 5)
        assert caveat.message == f"the pair has fewer than 5 blocks and therefore no interval{remedy}"


def test_of_several_pairs_the_time_is_that_of_all_and_nothing_measured_says_nothing_else() -> None:
    open_pair = row("cannot tell", seconds_needed=12.0)
    assert "1 of 3 pairs: cannot tell; a budget of about 36.0 s might tell." in said(open_pair, row(), row())
    hopeless = row("cannot tell")
    assert "2 of 3 pairs: cannot tell; a budget of about 36.0 s might tell 1 of them." in said(open_pair, hopeless, row())
    nothing = dict.fromkeys(("ratio", "ratio_low", "ratio_high", "a_s", "b_s", "cpu_ratio", "wall_ratio"), NAN)
    unmeasured = row("cannot tell", **nothing, reason="nothing")
    assert said(unmeasured) == ["cannot tell: there is no round in which both sides were measured."]
    assert said(unmeasured, unmeasured) == ["2 of 2 pairs: cannot tell."]


def test_pairs_on_different_clocks_are_counted() -> None:
    texts = said(row(), row(basis="wall", reason="waits", waits_b=0.3), row())
    assert texts[-1] == "On CPU time where both sides keep one core busy (2 of 3 pairs), on wall time otherwise."
    walls = said(row(basis="wall", reason="load"), row(basis="wall", reason="helpers"))
    assert walls[-1] == "On wall time, since one side keeps more than one core busy; or under load a time is a latency."
