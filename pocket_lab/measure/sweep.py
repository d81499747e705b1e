"""What a verb is asked for, parsed once: a frozen Sweep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.registry import EXECUTORS
from pocket_lab.units import parse_counts, parse_duration, parse_fraction

DRIVES = ("run", "map", "load")
ISOLATIONS = ("process", "kernel")
STORES = ("fresh", "shared")
CACHES = ("warm", "cold")
Counts = int | str | Iterable[int]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Sizes x executors x workers under one drive, how exact, and for how long; see `bench` for the meaning.

    `executors` is None where the user left the choice to the target, `rate` and `point_timeout_s` where there is none.
    """

    sizes: tuple[int | None, ...] = (None,)
    workers: tuple[int, ...] = (1,)
    executors: tuple[str, ...] | None = None
    drive: str = "run"
    rate: float | None = None
    precision: float = 0.02
    budget_s: float = 30.0
    point_timeout_s: float | None = None
    isolation: str = "process"
    fresh_input: bool = False
    store: str = "fresh"
    caches: str = "warm"


def parse_sweep(
    *,
    size: int | str | None = None,
    sizes: Counts | None = None,
    workers: Counts | None = None,
    executor: str | None = None,
    executors: str | Iterable[str] | None = None,
    drive: str = "run",
    rate: float | str | None = None,
    precision: float | str = 0.02,
    budget: float | str = 30.0,
    point_timeout: float | str | None = None,
    isolation: str = "process",
    fresh_input: bool = False,
    store: str = "fresh",
    caches: str = "warm",
) -> Sweep:
    """Check every option and put it into base units; raises a UsageError that names the option."""
    asked = _one_of("size", size, "sizes", sizes)
    precision_fraction, budget_s = parse_fraction(precision), parse_duration(budget)
    timeout_s = None if point_timeout is None else parse_duration(point_timeout)
    if not 0 < precision_fraction < 1:
        raise UsageError(f"precision={precision!r} is not between 0 and 1; write for example 2%")
    if budget_s <= 0:
        raise UsageError(f"budget={budget!r} leaves no time to measure; write for example 30s")
    if timeout_s is not None and timeout_s <= 0:
        raise UsageError(f"point_timeout={point_timeout!r} leaves no time for a batch; write for example 5s")
    if timeout_s is not None and isolation == "kernel":
        raise UsageError('point_timeout ends a process of its own, so it has no effect with isolation="kernel"')
    return Sweep(
        sizes=(None,) if asked is None else parse_counts(asked, "sizes"),
        workers=(1,) if workers is None else parse_counts(workers, "workers", smallest=1),
        executors=_parse_executors(_one_of("executor", executor, "executors", executors)),
        drive=_choice("drive", drive, DRIVES),
        rate=_parse_rate(rate, drive),
        precision=precision_fraction,
        budget_s=budget_s,
        point_timeout_s=timeout_s,
        isolation=_choice("isolation", isolation, ISOLATIONS),
        fresh_input=bool(fresh_input),
        store=_choice("store", store, STORES),
        caches=_choice("caches", caches, CACHES),
    )


def _parse_rate(rate: float | str | None, drive: str) -> float | None:
    if rate is None:
        return None
    if drive != "load":
        raise UsageError(f'rate={rate!r} is for the drive "load" (requests a second); this is the drive "{drive}"')
    try:
        per_s = float(rate)
    except (TypeError, ValueError):
        per_s = -1.0
    if not 0 < per_s < float("inf"):
        raise UsageError(f"rate={rate!r} is no number of requests a second; write for example 200")
    return per_s


def _one_of(name: str, value: Any, plural: str, values: Any) -> Any:
    if value is not None and values is not None:
        raise UsageError(f"{name}= and {plural}= mean the same; give one of them")
    return values if value is None else value


def _parse_executors(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
    return tuple(dict.fromkeys(_choice("executors", name, EXECUTORS) for name in names))


def _choice(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"{option}: {value!r} is not known; choose from {', '.join(known)}")
    return value
