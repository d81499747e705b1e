"""What a verb is asked for, parsed once: a frozen Sweep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.run.executors import EXECUTORS
from pocket_lab.units import parse_counts, parse_duration, parse_fraction

DRIVES = ("run", "map")
ISOLATIONS = ("process", "kernel")
Counts = int | str | Iterable[int]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Sizes x executors x workers under one drive, how exact, and for how long; see `parse_sweep` for the meaning.

    `executors` is None where the user left the choice to the target.
    """

    sizes: tuple[int | None, ...] = (None,)
    workers: tuple[int, ...] = (1,)
    executors: tuple[str, ...] | None = None
    drive: str = "run"
    precision: float = 0.02
    budget_s: float = 30.0
    isolation: str = "process"


def parse_sweep(
    *,
    size: int | str | None = None,
    sizes: Counts | None = None,
    workers: Counts | None = None,
    executor: str | None = None,
    executors: str | Iterable[str] | None = None,
    drive: str = "run",
    precision: float | str = 0.02,
    budget: float | str = 30.0,
    isolation: str = "process",
) -> Sweep:
    """Check every option and put it into base units; raises a UsageError that names the option."""
    asked = _one_of("size", size, "sizes", sizes)
    precision_fraction, budget_s = parse_fraction(precision), parse_duration(budget)
    if not 0 < precision_fraction < 1:
        raise UsageError(f"precision={precision!r} is not between 0 and 1; write for example 2%")
    if budget_s <= 0:
        raise UsageError(f"budget={budget!r} leaves no time to measure; write for example 30s")
    return Sweep(
        sizes=(None,) if asked is None else parse_counts(asked, "sizes"),
        workers=(1,) if workers is None else parse_counts(workers, "workers", smallest=1),
        executors=_parse_executors(_one_of("executor", executor, "executors", executors)),
        drive=_choice("drive", drive, DRIVES),
        precision=precision_fraction,
        budget_s=budget_s,
        isolation=_choice("isolation", isolation, ISOLATIONS),
    )


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
