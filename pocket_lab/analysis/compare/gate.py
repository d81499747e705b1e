"""The gate of a comparison: which verdicts fail it."""

from __future__ import annotations

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

    def stops(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a comparison with this verdict and at least this change: longer for "slower", shorter for "faster"."""
        rows = frame[frame["verdict"] == self.verdict]
        if self.verdict == "cannot tell":
            return rows
        change = rows["ratio"] - 1 if self.verdict == "slower" else 1 - rows["ratio"]
        return rows[change >= self.change]
