"""The progress of a measurement: starts, ends, failures and printed output."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point, Status


@dataclass(frozen=True, slots=True)
class Closed:
    """A point will get no more samples, and why."""

    point: Point
    status: Status


@dataclass(frozen=True, slots=True)
class Ended:
    """The last record of a measuring process: it has done its work. Its parent takes it out of the stream."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A tick of the clock: `elapsed_s` seconds of the measurement have passed."""

    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Planned:
    """A sweep begins: its points, none while a search for them runs, and the seconds that it may take from now on."""

    points: tuple[Point, ...]
    budget_s: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The budget does not hold every point: `chosen` of `planned` points fit, and all would need about `needed_s`.

    Needed are the first run and the six rounds of each point that an interval takes; NaN where a point is unknown.
    """

    planned: int
    chosen: int
    needed_s: float
    budget_s: float


@dataclass(frozen=True, slots=True)
class Started:
    """A batch at this point is about to run."""

    point: Point


@dataclass(frozen=True, slots=True)
class Output:
    """Text that the user's code wrote to "stdout" or "stderr"."""

    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The user's code, or a process that ran it, failed at a point; `chain` is the error and its causes, outermost first.

    A link is (pickle, text, frames): the pickle in base64, "" where the error cannot be pickled, None in a stored run; the
    text is type and message, a frame of the user's code (file, line, function).
    """

    point: Point | None
    chain: tuple[tuple[str | None, str, tuple[tuple[str, int, str], ...]], ...]
