"""How fast the machine was during a run, in a sentence."""

from __future__ import annotations

from pocket_lab.analysis.machine import Machine
from pocket_lab.units import format_percent


def machine_sentences(machine: Machine) -> list[str]:
    """How steady the references were, and how fast against earlier runs; none where neither is known."""
    parts = []
    if machine.spread == machine.spread:
        parts.append(f"references within ±{format_percent(machine.spread)} of their median in nine of ten seconds of the run")
    if machine.ratio == machine.ratio:
        parts.append(f"{speed_words(machine.ratio)} than the median of the {machine.runs} earlier runs on this machine")
    return [f"Machine: {'; '.join(parts)}."] if parts else []


def speed_words(ratio: float) -> str:
    """A ratio of times as "12 % slower": how much longer the same work took, or how much less time."""
    return f"{format_percent(abs(ratio - 1))} {'slower' if ratio >= 1 else 'faster'}"
