"""Which of the resources that runs left are leaks, and by how much memory grows: only growth that continues counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.executors.registry import is_remote
from pocket_lab.frames.points import LOCATION_COLUMNS, at_point, location_in, with_params
from pocket_lab.records.leaks import MAIN, WORKER
from pocket_lab.stats.median_interval import FEWEST, NAN
from pocket_lab.stats.theil_sen import RISES, STOPPED, UNCLEAR, Slope, course_of, steady_slope

GROWS, KEPT, NONE, CANNOT_TELL = "grows", "kept", "no growth", "cannot tell"
FEWEST_RUNS = 3
MEASURES = {"rss_bytes": "resident memory", "heap_bytes": "memory of malloc", "traced_bytes": "memory of Python"}
COLUMNS = ["kind", "name", "per_run", "low", "high", "unit", "left", "verdict", "node", "function", "file", "line", "process"]

_NEARLY = 0.9  # of the largest growth: then the more familiar measure is reported
WHILE = " while "
_MATERIAL_BYTES = 65_536.0
_EXPLAINED = 0.5  # of the growth, by a container that is being filled
_ORIGIN = ["kind", "node", "function", "file", "line", "process"]


@dataclass(frozen=True, slots=True)
class Growth:
    """The verdict on the memory of one process at one point, with the measure that it is based on and its slope per run.

    `measure` is a column of the memory frame: the one with (nearly) the largest growth in bytes, or "blocks" if no growth is
    seen in bytes.
    """

    verdict: str
    measure: str
    slope: Slope


def goes_on(runs: list[int], total: int) -> bool:
    """Whether resources that appeared in these runs (of `total`) keep appearing: in three runs or more, in the later half too.

    What a cache or a pool takes until it is full appears in the first runs and is not a leak.
    """
    distinct = sorted(set(runs))
    late = sum(run > total / 2 for run in distinct)
    return len(distinct) >= FEWEST_RUNS and late >= 1 and 2 * late >= len(distinct) - late


def memory_growth(series: pd.DataFrame, traced: pd.DataFrame, least: tuple[float, float, float]) -> Growth:
    """How memory grows in one process, from its readings after each run; `least` is the least growth that counts."""
    if len(series) < FEWEST:
        return Growth(CANNOT_TELL, "rss_bytes", Slope(_slope(series, "rss_bytes").value, NAN, NAN))
    names = ("blocks", "heap_bytes", "rss_bytes")
    readings = {name: _values(series, name) for name in names if np.isfinite(_values(series, name)).all()}
    further = int(series["is_further"].sum()) if "is_further" in series else 0
    planned = len(series) - 1 - further
    by_name = dict(zip(names, least, strict=True))
    courses = {name: course_of(values, by_name[name], planned) for name, values in readings.items()}
    rising = [name for name, course in courses.items() if course == RISES]
    if rising:
        in_bytes = {name: _slope(series, name) for name in rising if name != "blocks"}
        traced_slope = _slope(traced, "traced_bytes")
        if traced_slope.low > 0:
            in_bytes["traced_bytes"] = traced_slope
        if not in_bytes:
            return Growth(GROWS, "blocks", _slope(series, "blocks"))
        most_bytes = max(slope.value for slope in in_bytes.values())
        measure = next(name for name in MEASURES if name in in_bytes and in_bytes[name].value >= _NEARLY * most_bytes)
        return Growth(GROWS, measure, in_bytes[measure])
    precise = ("heap_bytes", "blocks") if "heap_bytes" in readings else ("rss_bytes", "blocks")  # resident memory varies
    for course, verdict in ((UNCLEAR, CANNOT_TELL), (STOPPED, KEPT)):
        for name in precise:
            if courses[name] == course:
                return Growth(verdict, name, _slope(series, name))
    known = [_slope(series, name) for name in names[1:] if name in readings]
    doubtful = all(slope.high > _MATERIAL_BYTES for slope in known)
    return Growth(CANNOT_TELL if doubtful else NONE, "rss_bytes", _slope(series, "rss_bytes"))


def leaks_frame(
    left: pd.DataFrame,
    memory: pd.DataFrame,
    lines: pd.DataFrame,
    filling: pd.DataFrame,
    least: tuple[float, float, float],
    least_apart: tuple[float, float, float],
) -> pd.DataFrame:
    """One row per group of resources of one origin, leaks first, and one per point for the memory of each process.

    `per_run` in `unit` ("count", "B" or "blocks"), for memory with the 95 % interval of the slope; `left` is how many
    remain; `verdict` is "grows", "kept" (left, but not in run after run), "no growth" or "cannot tell", as of memory that rises
    while a container with a bound, one of `filling`, is being filled.
    """
    rows: list[dict[str, Any]] = []
    location = location_in(memory)
    for point_key, readings in memory.groupby(location, dropna=False, sort=False):
        point = dict(zip(location, point_key, strict=True))
        runs = int(readings.loc[readings["process"] == MAIN, "run"].max())
        resources = [dict(zip(_ORIGIN, key, strict=True)) | _group(rows_of, runs) for key, rows_of in _of(left, point)]
        rows += [{**row, **point} for row in sorted(resources, key=lambda row: (row["verdict"] != GROWS, -row["left"]))]
        apart = least_apart if is_remote(str(point["executor"])) else least
        traced = readings[readings["process"] == "traced"]
        for process in (MAIN, WORKER):
            series = readings[readings["process"] == process]
            if len(series):
                growth = memory_growth(series, traced if process == MAIN else traced.iloc[:0], apart)
                where = _largest_line(lines, point) if growth.verdict == GROWS and process == MAIN else {}
                where |= _while_filling(growth, at_point(filling, point)) if process == MAIN else {}
                rows.append({**_memory_row(growth, process, series), **where, **point})
    return with_params(pd.DataFrame(rows, columns=[*COLUMNS, *(location if rows else LOCATION_COLUMNS)]))


def _of(frame: pd.DataFrame, point: dict[str, Any]) -> list[tuple[Any, pd.DataFrame]]:
    """The groups of one origin at a point; resources of unknown origin are grouped by name."""
    here = at_point(frame, point)
    names = here["name"].where(here["file"] == "", "")
    return [(key[:-1], rows) for key, rows in here.groupby([*_ORIGIN, names], dropna=False, sort=False)]


def _group(rows: pd.DataFrame, runs: int) -> dict[str, Any]:
    came = rows["run"].to_list()
    verdict = GROWS if goes_on(came, runs) else KEPT if runs >= FEWEST_RUNS else CANNOT_TELL
    more = f" and {len(came) - 1} more" if len(came) > 1 else ""
    count = {"per_run": len(came) / runs, "low": NAN, "high": NAN, "unit": "count", "left": len(came)}
    return {"name": f"{rows['name'].iloc[0]}{more}", **count, "verdict": verdict}


def _memory_row(growth: Growth, process: str, series: pd.DataFrame) -> dict[str, Any]:
    values = _values(series, growth.measure if growth.measure in series else "rss_bytes")
    left = values[-1] - values[0] if growth.measure != "traced_bytes" else growth.slope.value * (len(values) - 1)
    name = MEASURES.get(growth.measure, "blocks of Python's allocator")
    unit = "blocks" if growth.measure == "blocks" else "B"
    slope = {"per_run": growth.slope.value, "low": growth.slope.low, "high": growth.slope.high, "unit": unit, "left": left}
    empty = {"node": "", "function": "", "file": "", "line": 0}
    return {"kind": "memory", "name": name, **slope, "verdict": growth.verdict, **empty, "process": process}


def _while_filling(growth: Growth, filling: pd.DataFrame) -> dict[str, Any]:
    """The doubt about growth that a container explains which has a bound and is not full."""
    explained = float(filling["bytes_per_run"].sum()) if len(filling) else 0.0
    if growth.verdict != GROWS or growth.measure == "blocks" or explained < _EXPLAINED * growth.slope.value:
        return {}
    most = filling.sort_values("bytes_per_run").to_dict("records")[-1]
    name = f"{MEASURES[growth.measure]}{WHILE}{most['name']} is being filled, {most['entries']:,} of {most['limit']:,}"
    return {"verdict": CANNOT_TELL, "name": name}


def _largest_line(lines: pd.DataFrame, point: dict[str, Any]) -> dict[str, Any]:
    """The line that retains most."""
    here = at_point(lines, point)
    return {} if not len(here) else {name: here.iloc[0][name] for name in ("node", "file", "line")}


def _values(series: pd.DataFrame, name: str) -> list[float]:
    return [float(value) for value in series[name]]


def _slope(series: pd.DataFrame, name: str) -> Slope:
    return steady_slope(_values(series, name))
