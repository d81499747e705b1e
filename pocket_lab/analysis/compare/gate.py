"""The gate of a comparison: which verdicts fail it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from pocket_lab.errors import UsageError
from pocket_lab.units import parse_fraction


@dataclass(frozen=True, slots=True)
class Gate:
    """A change that fails a comparison: a verdict, and the smallest change that counts."""

    verdict: str
    change: float

    @classmethod
    def parse(cls, text: str) -> Gate:
        """From "slower:5%", "slower", "faster:5%" or "cannot tell"; raises UsageError."""
        verdict, _, change = text.strip().partition(":")
        if verdict not in ("slower", "faster", "cannot tell") or (change and verdict == "cannot tell"):
            raise UsageError(f'{text!r}: write slower:5%, faster:5% or "cannot tell"')
        return cls(verdict, parse_fraction(change) if change else 0.0)

    @classmethod
    def parse_all(cls, text: str) -> tuple[Gate, ...]:
        """From rules between commas, such as "slower:5%,cannot tell"; raises UsageError."""
        return tuple(cls.parse(rule) for rule in text.split(","))

    def stops(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a comparison with this verdict and at least this change: longer for "slower", shorter for "faster"."""
        rows = frame[frame["verdict"] == self.verdict]
        if self.verdict == "cannot tell":
            return rows
        change = rows["ratio"] - 1 if self.verdict == "slower" else 1 - rows["ratio"]
        return rows[change >= self.change]


def stopped_by(gates: Iterable[Gate], frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison that at least one of the gates stops, each once."""
    stopped = [gate.stops(frame).index for gate in gates]
    return frame.loc[[row for row in frame.index if any(row in rows for rows in stopped)]]
