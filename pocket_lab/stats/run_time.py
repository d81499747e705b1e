"""The one definition of the seconds of one run: of a batch, or of a window under load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pocket_lab.stats.histogram import Buckets, Histogram
from pocket_lab.stats.median_interval import NAN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def run_seconds(total_s: float, loops: int, latencies: Buckets | None = None) -> float:
    """Seconds of one run of a batch that took `total_s` for `loops` runs; NaN where no run was completed.

    Under load `total_s` is the length of a window, which says nothing about a request: with `latencies`, the histogram of the
    window, it is their median.
    """
    if latencies is not None:
        return Histogram(latencies).quantile(0.5)
    return total_s / loops if loops else NAN


def run_seconds_array(total_s: NDArray[np.float64], loops: NDArray[np.float64]) -> NDArray[np.float64]:
    """`run_seconds` of many batches without latencies."""
    import numpy as np  # here, because the measuring process does not need it for this

    seconds = np.full(len(loops), NAN)
    np.divide(total_s, loops, out=seconds, where=loops > 0)
    return seconds
