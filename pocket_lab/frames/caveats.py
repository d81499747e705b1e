"""Caveats as a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from pocket_lab.records.caveat import Caveat
from pocket_lab.records.record import Record


def caveats_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per distinct Caveat with the number of times it was raised."""
    counts = Counter(record for record in records if isinstance(record, Caveat))
    rows = [{"code": caveat.code, "message": caveat.message, "times": times} for caveat, times in counts.items()]
    return pd.DataFrame(rows, columns=["code", "message", "times"])
