"""The keyword arguments of each verb for a type checker (PEP 692); a test proves that they are those of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from pocket_lab.measure.sweep import Counts
from pocket_lab.records.record import Record

Watcher = Callable[[Record], None]


class PointOptions(TypedDict, total=False):
    """The options of every verb: its points and how they run."""

    size: int | str | None
    sizes: Counts | None
    workers: Counts | None
    executor: str | None
    executors: str | Iterable[str] | None
    input: Any
    params: Mapping[str, Any] | None
    grid: Any
    drive: str
    rate: float | str | None
    store: str
    native_threads: int | str | None
    caches: str
    name: str | None
    command_line: str | None
    watch: Watcher | None


class TimedOptions(PointOptions, total=False):
    """The options of the verbs that time batches."""

    budget: float | str
    point_timeout: float | str | None
    fresh_input: bool


class BenchOptions(TimedOptions, total=False):
    """The options of `bench`."""

    memory: bool
    precision: float | str
    isolation: str
    resume: bool
    references: bool


class CompareOptions(TimedOptions, total=False):
    """The options of `compare`."""

    margin: float | str | None
    force: bool
    check_equal: bool


class ProfileOptions(PointOptions, total=False):
    """The options of every profile verb."""

    budget: float | str | None
    isolation: str


class MemoryOptions(ProfileOptions, total=False):
    """The options of `memory`."""

    python_allocators: bool
    native: bool
    keep: str | Path | None


class LinesOptions(ProfileOptions, total=False):
    """The options of `lines`."""

    also: Any


class CpuOptions(ProfileOptions, total=False):
    """The options of `cpu`."""

    interval: float | str


class TraceOptions(ProfileOptions, total=False):
    """The options of `trace`."""

    chrome: str | Path | None


class LeaksOptions(ProfileOptions, total=False):
    """The options of `leaks`."""

    runs: int | str


KEYWORDS: dict[str, Any] = {
    "bench": BenchOptions,
    "compare": CompareOptions,
    "memory": MemoryOptions,
    "lines": LinesOptions,
    "cpu": CpuOptions,
    "trace": TraceOptions,
    "leaks": LeaksOptions,
}
