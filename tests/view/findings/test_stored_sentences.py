"""The sentences on two stored runs, and on the machine of one."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from pocket_lab.analysis.compare.stored import CORRECTED, NO_REFERENCES, NOT_CPU, TOO_SHORT
from pocket_lab.analysis.machine import Machine, machine_of
from pocket_lab.frames.references import reference_seconds, references_frame
from pocket_lab.records.samples import Reference
from pocket_lab.view.findings.machine import machine_sentences
from pocket_lab.view.findings.stored import stored_sentences

ROW = {
    "basis": "cpu",
    "reason": CORRECTED,
    "verdict": "cannot tell",
    "target_b": "after",
    "seconds_needed": math.nan,
    "cpu_ratio": 1.65,
    "wall_ratio": 2.5,
    "machine_ratio": 1.48,
    "ratio": 1.02,
    "ratio_high": 1.02 * 1.0702,
}


def said(*rows: dict[str, Any]) -> str:
    return " ".join(stored_sentences(pd.DataFrame([{**ROW, **row} for row in rows])))


def test_raw_machine_and_corrected_figures_are_in_one_sentence() -> None:
    figures = "CPU +65.0 % raw. Machine: references 48 % slower. Corrected: +2.0 % ± 7.0 %: "
    assert said({}) == f"{figures}no change shown."
    assert said({"verdict": "slower"}) == f"{figures}after is slower."
    assert said({"verdict": "same"}) == f"{figures}the same within the margin."


def test_what_is_not_corrected_says_why_and_what_would_tell() -> None:
    short = said({"reason": TOO_SHORT, "ratio": 1.65, "ratio_high": 1.65 * 1.25, "seconds_needed": 60.0})
    assert short == (
        "CPU +65.0 % raw. Machine: references 48 % slower. Not corrected (one of the runs is too short), so that unchanged "
        "code may differ by 25 %: cannot tell. Runs of about 60.0 s each might tell."
    )
    bare = {"reason": NO_REFERENCES, "machine_ratio": math.nan, "ratio_high": math.nan}
    assert said(bare) == "CPU +65.0 % raw. Not corrected (one of the runs has no reference workloads): cannot tell."
    waiting = said({"reason": NOT_CPU, "basis": "wall", "verdict": "slower", "ratio": 2.5, "ratio_high": 2.75})
    assert waiting.startswith("Wall +150.0 % raw. Machine: references 48 % slower. Not corrected (the point is not CPU-bound")
    assert waiting.endswith("unchanged code may differ by 10 %: after is slower.")


def test_several_points_are_counted_with_their_means() -> None:
    text = said({}, {"verdict": "slower"}, {"reason": NOT_CPU, "basis": "wall"})
    assert text.startswith(
        "2 of 3 points: cannot tell. 1 of 3 points: slower. Geometric means of 2 CPU-bound points: CPU +65.0 %"
    )
    assert "Machine: references 48 % slower. Corrected: +2.0 %." in text
    assert text.endswith(
        "1 of 3 points is not corrected for the machine: the point is not CPU-bound on one worker in both runs."
    )
    assert said({"reason": NOT_CPU}, {"reason": NOT_CPU}).count("Geometric") == 0


def test_the_machine_of_a_run_is_described_as_far_as_the_data_go() -> None:
    steady = [Reference(number, number / 10, 1e-3, 1e-3, 1e-3) for number in range(100)]
    assert math.isclose(reference_seconds(references_frame(steady)), 1e-3)
    assert machine_sentences(machine_of(references_frame([]))) == []
    assert machine_sentences(machine_of(references_frame(steady[:20]), [1e-3] * 4)) == []
    (alone,) = machine_sentences(machine_of(references_frame(steady), [1e-3] * 4))
    assert alone == "Machine: references within ±0.0 % of their median in nine of ten seconds of the run."
    (with_earlier,) = machine_sentences(machine_of(references_frame(steady), [math.nan, *[0.8e-3] * 5, *[1e-2] * 2]))
    assert with_earlier.endswith("of the run; 25 % slower than the median of the 7 earlier runs on this machine.")
    assert machine_sentences(Machine(math.nan, 0.9, 5)) == [
        "Machine: 10 % faster than the median of the 5 earlier runs on this machine."
    ]


def test_a_machine_that_changes_its_speed_is_not_steady() -> None:
    halves = [Reference(n, n / 10, *[1e-3 * (1.3 if n >= 60 else 1.0)] * 3) for n in range(100)]
    assert math.isclose(machine_of(references_frame(halves)).spread, 0.3, rel_tol=0.01)


def test_what_hardly_differs_is_equally_fast_and_no_change_has_no_sign() -> None:
    text = said({"machine_ratio": 0.998, "cpu_ratio": 0.9998, "ratio": 1.0001})
    assert text.startswith("CPU 0.0 % raw. Machine: references equally fast. Corrected: 0.0 % ± ")
    assert machine_sentences(Machine(math.nan, 1.004, 5)) == [
        "Machine: as fast as the median of the 5 earlier runs on this machine."
    ]
    assert machine_sentences(Machine(math.nan, 0.9, 5)) == [
        "Machine: 10 % faster than the median of the 5 earlier runs on this machine."
    ]


def test_several_short_points_say_once_how_long_runs_would_tell() -> None:
    text = said({"reason": TOO_SHORT, "seconds_needed": 60.0}, {"reason": TOO_SHORT, "seconds_needed": math.nan})
    assert text.endswith("one of the runs is too short. Runs of about 60.0 s each might tell.")


def test_one_of_several_points_is_not_corrected() -> None:
    text = said({}, {"reason": NOT_CPU, "basis": "wall"})
    assert "1 of 2 points is not corrected for the machine" in text
