"""How fast the machine was during a run, in a sentence."""

from __future__ import annotations

from pocket_lab.analysis.machine import Machine
from pocket_lab.units import format_percent

_EVEN = 0.01  # what two runs on an idle machine differ by


def machine_sentences(machine: Machine) -> list[str]:
    """How steady the references were, and how fast against earlier runs; none where neither is known."""
    parts = []
    if machine.spread == machine.spread:
        parts.append(f"references within ±{format_percent(machine.spread)} of their median in nine of ten seconds of the run")
    if machine.ratio == machine.ratio:
        against = "as fast as" if _is_even(machine.ratio) else f"{speed_words(machine.ratio)} than"
        parts.append(f"{against} the median of the {machine.runs} earlier runs on this machine")
    return [f"Machine: {'; '.join(parts)}."] if parts else []


def _is_even(ratio: float) -> bool:
    return abs(ratio - 1) < _EVEN


def speed_words(ratio: float) -> str:
    """A ratio of times as "12 % slower": how much longer or shorter the same work took; "equally fast" within 1 %."""
    if _is_even(ratio):
        return "equally fast"
    return f"{format_percent(abs(ratio - 1))} {'slower' if ratio >= 1 else 'faster'}"
