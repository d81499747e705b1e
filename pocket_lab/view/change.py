"""The texts of a change: of a ratio in per cent, and of two times in one unit with enough digits to see their difference."""

from __future__ import annotations

import math

from pocket_lab.units import format_duration

_UNITS = (("ns", 1e9), ("µs", 1e6), ("ms", 1e3), ("s", 1.0))
_DIGITS = 4


def format_change(ratio: float) -> str:
    """A ratio as a signed change: 1.021 is "+2.1 %"; not-a-number is an en dash."""
    text = "–" if math.isnan(ratio) else f"{(ratio - 1) * 100:+.1f} %"
    return "0.0 %" if text[1:] == "0.0 %" else text


def format_both(a_s: float, b_s: float) -> tuple[str, str]:
    """Two times, in the unit of the first with four significant digits if the second has at most ten times its length."""
    if not (a_s > 0 and b_s > 0) or not 0.1 <= b_s / a_s <= 10:
        return format_duration(a_s), format_duration(b_s)
    unit, scale = next((pair for pair in _UNITS if a_s * pair[1] < 1000), _UNITS[-1])
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(a_s * scale)))
    return f"{a_s * scale:.{decimals}f} {unit}", f"{b_s * scale:.{decimals}f} {unit}"
