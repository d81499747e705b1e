"""Synthetic sweeps of known truth, as the frame and the throughputs that a bench would have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pocket_lab.analysis.scaling import Throughputs, add_speedup, log_throughputs
from pocket_lab.frames.bench import bench_frame
from pocket_lab.frames.points import point_of
from pocket_lab.frames.samples import samples_frame
from pocket_lab.records.point import Params, Point, Status
from pocket_lab.records.progress import Closed
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample


@dataclass(frozen=True)
class Row:
    """A point, the true seconds of its run, and the shares of the time of its workers; NaN where not measured."""

    executor: str
    workers: int
    wall_s: float
    busy: float = 0.05
    waits: float = math.nan
    queued: float = math.nan
    size: int | None = 100
    rounds: int = 30
    status: Status = "done"
    drive: str = "run"
    rate: float | None = None
    params: Params = ()

    @property
    def point(self) -> Point:
        """Where it is in the sweep."""
        return Point("t", self.size, self.workers, self.executor, self.drive, self.rate, self.params)


def sweep_of(*rows: Row, noise: float = 0.004, drift: float = 0.0, seed: int = 1) -> tuple[pd.DataFrame, Throughputs]:
    """Rounds that visit every point, each time multiplied with noise of its own and with a drift that all points share."""
    random = np.random.default_rng(seed)
    shared = np.cumsum(random.normal(0, drift, 200))
    records: list[Record] = []
    for number in range(max(row.rounds for row in rows) + 1):
        for row in rows:
            if number <= row.rounds and row.wall_s == row.wall_s:
                wall_s = row.wall_s * math.exp(random.normal(0, noise) + shared[number])
                records.append(Sample(row.point, number, 1, wall_s, wall_s * row.busy, 1))
    records += [Closed(row.point, row.status) for row in rows]
    return of_records(records, rows)


def of_records(records: Sequence[Record], rows: Sequence[Row] = ()) -> tuple[pd.DataFrame, Throughputs]:
    """The frame and the throughputs of records, with the shares of the rows."""
    samples = samples_frame(records)
    throughputs = log_throughputs(samples)
    frame = add_speedup(bench_frame(records, samples), throughputs)
    if rows:
        by_point = {row.point: row for row in rows}
        order = [by_point[point_of(row)] for row in frame.to_dict("records")]
        frame = frame.assign(waits=[row.waits for row in order], queued=[row.queued for row in order])
    return frame, throughputs
