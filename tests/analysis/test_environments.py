"""Which environments allow times to be compared."""

from __future__ import annotations

from dataclasses import replace

from pocket_lab.analysis.environments import differences, other_locks
from pocket_lab.records.environment import Environment

HERE = Environment("3.13.0", "Linux x86_64", "fast", 2, 0.0, {})


def test_a_lock_that_is_on_in_one_run_and_off_in_the_other_is_a_difference_and_an_unknown_one_is_none() -> None:
    on, off = (replace(HERE, gil=gil) for gil in (True, False))
    assert other_locks(on, off) == other_locks(off, on) == ["the interpreter lock (on in one, off in the other)"]
    assert other_locks(on, on) == other_locks(off, off) == other_locks(on, HERE) == other_locks(None, off) == []
    assert differences(on, off) == [], "a run is resumed from a kernel whose lock another import may have turned on"
