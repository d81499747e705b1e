"""The union of all records: all that crosses a process or a pipe."""

from __future__ import annotations

from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.leaks import Filling, Leftover, MemoryReading, Retained, TracedMemory
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.progress import Closed, Ended, Failure, Forecast, Heartbeat, Output, Planned, Started
from pocket_lab.records.samples import Block, Latency, Metric, Probe, Reference, Sample, Waits
from pocket_lab.records.sources import LineCost, Source, Stack
from pocket_lab.records.spans import NodeTime, Span, Traced
from pocket_lab.records.traffic import NodeTraffic

Record = (
    Planned
    | Sample
    | Latency
    | Metric
    | Probe
    | Closed
    | Ended
    | Forecast
    | Caveat
    | Environment
    | Heartbeat
    | Started
    | Block
    | Reference
    | Waits
    | Output
    | Failure
    | Source
    | LineCost
    | Span
    | Traced
    | NodeTime
    | Stack
    | NodeMemory
    | RunMemory
    | LineMemory
    | HeapPoint
    | NodeActivity
    | NodeTraffic
    | Leftover
    | MemoryReading
    | TracedMemory
    | Retained
    | Filling
)
