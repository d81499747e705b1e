"""The records of a failed point: the error with its frames, a sample without a time, and the end of the point."""

from __future__ import annotations

from collections.abc import Iterator

from pocket_lab.executors.outcome import pack_error, text_of
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.stats.median_interval import NAN


def failed_point(point: Point, round_number: int, error: BaseException) -> Iterator[Record]:
    """The records of an error at a point, in the order in which they are yielded."""
    yield Failure(point, pack_error(error))
    yield Sample(point, round_number, 0, NAN, NAN, 0, error=text_of(error))
    yield Closed(point, "failed")
