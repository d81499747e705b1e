"""The points of a sweep and how they are measured: options parsed once into a frozen Sweep."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import islice
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.registry import parse_executor
from pocket_lab.measure.option_value import parse_option
from pocket_lab.measure.parameters.params import (
    MOST_COMBINATIONS,
    NO_VALUES,
    Axes,
    Rows,
    Values,
    combinations,
    count_combinations,
    parse_grid,
    parse_params,
)
from pocket_lab.records.point import Params
from pocket_lab.units import parse_counts, parse_duration, parse_fraction

DRIVES = ("run", "map", "load")
ISOLATIONS = ("process", "kernel")
STORES = ("fresh", "shared")
CACHES = ("warm", "cold")
AUTOMATIC = ("sizes", "workers")  # options that may be "auto"
Counts = int | str | Iterable[int]
_MOST_EXECUTORS = 100
_NOT_KEPT = ("values", "automatic")  # of the fields of a sweep in a stored run


@dataclass(frozen=True, slots=True)
class Sweep:
    """Parameters x sizes x executors x workers under one drive, with a precision and a budget; see `bench` for the meaning.

    `executors` is None where the user left the choice to the target, `rate` and `point_timeout_s` where there is none,
    `native_threads` where the points decide (`limit_of`). `params` are the labels of each parameter, `grid` the rows of labels
    that are measured, or None for all combinations; `values` are the values behind the labels. `automatic` names the options
    ("sizes", "workers") whose values a bench finds out before it begins.
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
    references: bool = True
    native_threads: int | None = None
    params: Axes = ()
    grid: Rows | None = None
    values: Values = field(default=NO_VALUES, compare=False, repr=False)
    automatic: tuple[str, ...] = ()

    def combinations(self) -> Iterator[Params]:
        """The combinations of parameters in their order; the empty one where there are none."""
        return combinations(self.params, self.grid)


def sweep_options(sweep: Sweep) -> dict[str, Any]:
    """The fields of a sweep that are data: without the values of its parameters, which may be any objects."""
    return {each.name: getattr(sweep, each.name) for each in fields(sweep) if each.name not in _NOT_KEPT}


def parse_sweep(**options: Any) -> Sweep:
    """Check every option and convert it to base units; the fields of `Sweep` that are not given keep their defaults.

    `size` and `executor` are the singular forms of `sizes` and `executors`. Raises a UsageError that names the option, and
    TypeError for an unknown one.
    """
    refuse_unknown("parse_sweep", options, SWEEP_OPTIONS)
    values = {name: value for name, value in options.items() if name in PARSERS}
    for singular, plural in SINGULAR.items():
        if options.get(singular) is not None:
            if options.get(plural) is not None:
                raise UsageError(f"{singular}= and {plural}= mean the same; give one of them")
            values[plural] = options[singular]
    automatic = tuple(name for name in AUTOMATIC if isinstance(values.get(name), str) and values[name].strip() == "auto")
    parsed = {name: parse_swept(name, value) for name, value in values.items() if name not in automatic}
    for singular, plural in SINGULAR.items():
        if options.get(singular) is not None and len(parsed.get(plural, ())) > 1:
            raise UsageError(f"{singular}: {options[singular]!r} is more than one value; give them as {plural}")
    parsed |= _parameters(parsed.pop("params", None), parsed.pop("grid", None))
    sweep = Sweep(**{_FIELDS.get(name, name): value for name, value in parsed.items()}, automatic=automatic)
    if sweep.point_timeout_s is not None and sweep.isolation == "kernel":
        raise UsageError('point_timeout ends a process of its own, so it has no effect with isolation="kernel"')
    if sweep.rate is not None and sweep.drive != "load":
        raise UsageError(
            f'rate={options["rate"]!r} is for the drive "load" (requests a second); this is the drive "{sweep.drive}"'
        )
    return sweep


def parse_swept(name: str, value: Any) -> Any:
    """The value of an option of a sweep in base units; raises a UsageError that names the option."""
    return parse_option(name, PARSERS[name], value, _EXAMPLES.get(name))


def parse_flag(value: Any) -> bool:
    """True or False, NumPy's included; raises UsageError for anything else, since the text "no" would count as True."""
    numpy = sys.modules.get("numpy")
    if not isinstance(value, bool) and not (numpy is not None and isinstance(value, numpy.bool_)):
        raise UsageError(f"{value!r} is not True or False")
    return bool(value)


def refuse_unknown(function: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Raise a TypeError for an option that is not known, with the nearest name."""
    names = list(known)
    for option in options:
        if option not in names:
            near = difflib.get_close_matches(option, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; the options are {', '.join(names)}"
            raise TypeError(f"{function}() got an unexpected keyword argument {option!r}{hint}")


def parse_choice(option: str, known: tuple[str, ...], value: str) -> str:
    """One of the known values; raises a UsageError that lists them."""
    if value not in known:
        raise UsageError(f"{option}: {value!r} is not known; choose from {', '.join(known)}")
    return value


def _parameters(params: tuple[Axes, Values] | None, grid: tuple[Axes, Rows, Values] | None) -> dict[str, Any]:
    """The fields for the parameters of a sweep."""
    if params is not None and grid is not None:
        raise UsageError("grid= has the combinations, and params= would make others: give one of them")
    axes, rows, values = grid or ((), None, NO_VALUES)
    if params is not None:
        axes, values = params
    if (count := count_combinations(axes, rows)) > MOST_COMBINATIONS:
        raise UsageError(f"params: {count:,} combinations are more than {MOST_COMBINATIONS:,}; choose some of them with grid=")
    return {"params": axes, "grid": rows, "values": values}


def _parse_params(value: Any) -> tuple[Axes, Values] | None:
    return None if value is None else parse_params(value)


def _parse_grid(value: Any) -> tuple[Axes, Rows, Values] | None:
    return None if value is None else parse_grid(value)


def _parse_sizes(value: Counts | None) -> tuple[int | None, ...]:
    return (None,) if value is None else parse_counts(value, "sizes")


def _parse_workers(value: Counts | None) -> tuple[int, ...]:
    return (1,) if value is None else parse_counts(value, "workers", smallest=1)


def _parse_executors(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str):
        names: list[Any] = [part.strip() for part in value.split(",")]
    else:  # one that is no list of names is a Client or a Cluster
        names = list(islice(value, _MOST_EXECUTORS + 1)) if isinstance(value, Iterable) else [value]
    if len(names) > _MOST_EXECUTORS:
        raise UsageError(f"executors: the list has more than {_MOST_EXECUTORS} names; write for example threads,processes")
    if not names:
        raise UsageError("executors: the list is empty; write for example threads,processes")
    return tuple(dict.fromkeys(parse_executor(name, "executors: ") for name in names))


def _parse_rate(value: float | str | None) -> float | None:
    if value is None:
        return None
    try:
        per_s = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        per_s = -1.0
    if not 0 < per_s < float("inf"):
        raise UsageError(f"rate={value!r} is not a positive number of requests a second; write for example 200")
    return per_s


def _parse_precision(value: float | str) -> float:
    fraction = parse_fraction(value)
    if not 0 < fraction < 1:
        raise UsageError(f"precision={value!r} is not between 0 and 1; write for example 2%")
    return fraction


def _parse_budget(value: float | str) -> float:
    budget_s = parse_duration(value)
    if budget_s <= 0:
        raise UsageError(f"budget={value!r} leaves no time to measure; write for example 30s")
    return budget_s


def _parse_store(value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(
            f"store is {' or '.join(STORES)} here, and not {type(value).__name__}: graph.with_store({{...}}) gives the runs "
            "of a graph their first contents"
        )
    return parse_choice("store", STORES, value)


def _parse_point_timeout(value: float | str | None) -> float | None:
    timeout_s = None if value is None else parse_duration(value)
    if timeout_s is not None and timeout_s <= 0:
        raise UsageError(f"point_timeout={value!r} leaves no time for a batch; write for example 5s")
    return timeout_s


def _parse_native_threads(value: int | str | None) -> int | None:
    if value is None:
        return None
    threads, *more = parse_counts(value, "native_threads", smallest=1)
    if more:
        raise UsageError(f"native_threads={value!r} is more than one number; write for example 1")
    return threads


SINGULAR = {"size": "sizes", "executor": "executors"}
PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "sizes": _parse_sizes,
    "workers": _parse_workers,
    "executors": _parse_executors,
    "drive": partial(parse_choice, "drive", DRIVES),
    "rate": _parse_rate,
    "precision": _parse_precision,
    "budget": _parse_budget,
    "point_timeout": _parse_point_timeout,
    "isolation": partial(parse_choice, "isolation", ISOLATIONS),
    "fresh_input": parse_flag,
    "store": _parse_store,
    "caches": partial(parse_choice, "caches", CACHES),
    "references": parse_flag,
    "native_threads": _parse_native_threads,
    "params": _parse_params,
    "grid": _parse_grid,
}
SWEEP_OPTIONS = (*SINGULAR, *PARSERS)
_EXAMPLES = {
    "sizes": "10,100,1k",
    "workers": "1,2,4",
    "executors": "threads,processes",
    "native_threads": "1",
    "params": '{"chunk": [1, 8]}',
}
_FIELDS = {"budget": "budget_s", "point_timeout": "point_timeout_s"}
