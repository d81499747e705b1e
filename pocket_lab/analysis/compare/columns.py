"""The columns of a comparison, whether its sides were measured together or stored."""

from __future__ import annotations

from pocket_lab.frames.points import LOCATION_COLUMNS

COMPARISON_COLUMNS = [
    *LOCATION_COLUMNS,
    *("basis", "a_s", "b_s", "a_low_s", "a_high_s", "b_low_s", "b_high_s"),
    *("ratio", "ratio_low", "ratio_high", "cpu_ratio", "wall_ratio", "verdict", "seconds_needed"),
    *("blocks", "rounds", "status", "target_a", "target_b", "reason", "waits_a", "waits_b"),
]
