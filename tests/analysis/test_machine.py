"""What is said of the machine during a run rests on enough rounds and enough earlier runs."""

from __future__ import annotations

import math

import pytest

from pocket_lab.analysis.machine import machine_of
from pocket_lab.frames.references import references_frame
from pocket_lab.records.samples import Reference


@pytest.mark.parametrize(("rounds", "earlier", "ratio"), [(6, 5, 1.5), (5, 5, math.nan), (1, 9, math.nan), (6, 4, math.nan)])
def test_few_rounds_or_few_earlier_runs_tell_nothing_of_the_speed(rounds: int, earlier: int, ratio: float) -> None:
    records = [Reference(number, 0.1 * number, 0.003, 0.003, 0.003) for number in range(1, rounds + 1)]
    machine = machine_of(references_frame(records), [0.002] * earlier)
    assert machine.ratio == pytest.approx(ratio, nan_ok=True)
    assert machine.runs == (earlier if ratio == ratio else 0)
