"""The table of options. A new option is one row here, and its key in the TypedDict of `keywords.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.registry import EXECUTORS
from pocket_lab.lab.options.keywords import Watcher
from pocket_lab.lab.options.option import Face, Option
from pocket_lab.measure.job import Input
from pocket_lab.measure.sweep import CACHES, DRIVES, ISOLATIONS, PARSERS, STORES, parse_flag
from pocket_lab.units import parse_counts, parse_duration, parse_fraction

PROFILES = ("memory", "lines", "cpu", "trace", "leaks")
TIMED = ("bench", "compare")
ALL = (*TIMED, *PROFILES)


def _parse_margin(value: float | str | None) -> float | None:
    fraction = None if value is None else parse_fraction(value)
    if fraction is not None and not 0 < fraction < 1:
        raise UsageError(f"margin={value!r} is not between 0 and 1; write for example 1%")
    return fraction


def _parse_interval(value: float | str) -> float:
    interval_s = parse_duration(value)
    if not interval_s > 0:
        raise UsageError(f"interval={value!r} must be a positive duration between two samples; write for example 1ms")
    return interval_s


def _parse_runs(value: int | str) -> int:
    from pocket_lab.analysis.leaks import FEWEST_RUNS  # here, as it loads pandas

    count, *more = parse_counts(value, "runs")
    if more:
        raise UsageError(f"runs={value!r} is more than one number; write for example 10")
    if count < FEWEST_RUNS:
        raise UsageError(f"runs={value}: growth shows in {FEWEST_RUNS} runs at least; ten are a good number")
    return count


def writable_path(option: str) -> Callable[[str | Path | None], Path | None]:
    """The parser of a file that is written after the run: an absolute path; UsageError where its folder does not exist."""

    def parse(value: str | Path | None) -> Path | None:
        if value is None:
            return None
        if not isinstance(value, str | PathLike):
            raise UsageError(f"{value!r} is not a path; write for example result.{option}")
        path = Path(value).absolute()
        if not path.parent.is_dir() or path.is_dir():
            raise UsageError(
                f"{option}={str(value)!r} is not a writable file path: {path.parent} must be a folder and the name a file"
            )
        return path

    return parse


def _parse_text(option: str, value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{option}={value!r} is not text; write for example before")
    return value


def _parse_watcher(value: Watcher | None) -> Watcher | None:
    if value is not None and not callable(value):
        raise UsageError(f"{value!r} is not a function of a record; write for example print")
    return value


def _of_sweep(name: str, help: str, verbs: tuple[str, ...] = ALL, default: Any = None, **more: Any) -> Option:
    """An option that `Sweep` holds, with its parser."""
    return Option(name, help, verbs, default, parse=PARSERS[name], **more)


OPTIONS = (
    Option("size", "one size; the same as sizes", ALL, faces=("python",)),
    _of_sweep(
        "sizes",
        'numbers handed to the input, or text such as "10,100,1k" or "2^4..2^12"; "auto" (bench): what the budget holds; '
        "without, one point",
        metavar="10,100,1k",
        short="-s",
        aliases=("size",),
    ),
    _of_sweep(
        "workers",
        'worker counts, or text such as "1,2,4" or "1..8": tasks in flight of the outermost fan-out of a run, or runs in '
        'flight, or clients; "auto" (bench): 1 to the cores, and more while they help',
        metavar="1,2,4",
        short="-w",
    ),
    Option("executor", "one executor; the same as executors", ALL, faces=("python",)),
    _of_sweep(
        "executors",
        'how workers run: "serial" (default for one worker), "threads" (for more), "asyncio" (for async nodes), "processes", '
        '"cluster" (workers of Dask), or the address of its scheduler, such as tcp://host:8786',
        metavar="threads,processes",
        short="-e",
        aliases=("executor",),
        choices=EXECUTORS,
    ),
    Option(
        "input",
        "a function of the size, or the input itself; without, the size (range(size) for map)",
        ALL,
        Input.ABSENT,
        short="-i",
        kind="object",
    ),
    _of_sweep(
        "params",
        'values of any kind for parameters by name, {"chunk": [1, 8, 64]}: each combination is a point. They go to the input '
        "function, to the target, or to a function that returns the graph to run",
        metavar="chunk=1,8,64",
        aliases=("param",),
        kind="axes",
    ),
    _of_sweep(
        "grid",
        "chosen combinations instead of all: a frame with a column for each parameter, or a list of dicts",
        kind="object",
    ),
    _of_sweep(
        "drive",
        '"run" (one input, one run), "map" (a list, each item a run) or "load" (each worker is a client that runs again and '
        "again: latencies, their percentiles, requests a second)",
        default="run",
        metavar="DRIVE",
        short="-d",
        choices=DRIVES,
    ),
    _of_sweep(
        "rate",
        'requests a second that start at fixed times under "load", answered or not; latency counts from the intended start. '
        "Without, a client sends its next request after its last answer",
        metavar="200",
    ),
    Option("runs", "how often to run each point after the warm-up", ("leaks",), 10, parse=_parse_runs, metavar="10"),
    Option(
        "memory",
        "add a run of each point under memray after the sweep, within its budget: peaks and allocations of points and nodes",
        ("bench",),
        False,
        parse=parse_flag,
        kind="flag",
    ),
    _of_sweep(
        "precision",
        "a point is done when half its 95 % interval is within this fraction of its median",
        ("bench",),
        "2%",
        metavar="2%",
        short="-p",
    ),
    Option(
        "margin",
        "the smallest change that counts: 1% by default, 3% for two results of bench, which were not measured together",
        ("compare",),
        parse=_parse_margin,
        metavar="1%",
        short="-m",
    ),
    _of_sweep(
        "budget",
        "the longest time for the whole measurement, its start and its passes included; a run in flight then is stopped",
        default="30s",
        defaults={"compare": "10s", **dict.fromkeys(PROFILES)},
        none="no limit",
        metavar="30s",
        short="-b",
    ),
    _of_sweep("point_timeout", "the longest time for one batch; a longer one is stopped and fails", TIMED, metavar="5s"),
    _of_sweep(
        "isolation",
        '"process" for a process of its own, or "kernel" for a target that cannot be sent to another process',
        ("bench", *PROFILES),
        "process",
        metavar="WHERE",
        choices=ISOLATIONS,
    ),
    _of_sweep("fresh_input", "build a new input for each run, for a target that changes its input", TIMED, False, kind="flag"),
    _of_sweep(
        "store",
        '"fresh" for each run of a graph, or "shared" by all runs of a point: a warm, contended store',
        default="fresh",
        metavar="STORE",
        choices=STORES,
    ),
    _of_sweep(
        "caches",
        '"warm", or "cold" to clear the caches of the target (everything with cache_clear) before each run',
        default="warm",
        metavar="CACHES",
        choices=CACHES,
    ),
    _of_sweep(
        "references",
        "run three short reference workloads in the rounds (6 % of the time), which tell how fast the machine was",
        ("bench",),
        True,
        kind="flag",
    ),
    _of_sweep(
        "native_threads",
        "the most threads of BLAS and OpenMP in each worker; without, one where several workers or executors are measured, "
        "unless OMP_NUM_THREADS or threadpoolctl has set a number",
        metavar="1",
    ),
    Option("python_allocators", "follow every Python object, more slowly", ("memory",), False, parse=parse_flag, kind="flag"),
    Option("native", "show calls of C code on the stacks, more slowly", ("memory",), False, parse=parse_flag, kind="flag"),
    Option(
        "keep",
        "keep memray's capture in this file for memray's own commands; one file per point and worker process",
        ("memory",),
        parse=writable_path("keep"),
        metavar="FILE",
    ),
    Option(
        "also",
        "functions, classes or modules to follow beside the nodes",
        ("lines",),
        (),
        metavar="A,B",
        kind="objects",
    ),
    Option("interval", "the time between two samples of the stacks", ("cpu",), "1ms", parse=_parse_interval, metavar="1ms"),
    Option(
        "chrome",
        "write the spans to this file, for ui.perfetto.dev or chrome://tracing",
        ("trace",),
        parse=writable_path("chrome"),
        metavar="FILE",
    ),
    Option(
        "name",
        "the name of the run in the history; the target keeps its own",
        ALL,
        parse=partial(_parse_text, "name"),
        metavar="NAME",
    ),
    Option(
        "resume",
        "continue the newest run of that name in the history; no point is measured twice",
        ("bench",),
        False,
        parse=parse_flag,
        kind="flag",
        faces=("python", "shell"),
    ),
    Option(
        "resume",
        "continue the newest run of that name in the history; without a target, with its earlier options",
        ("bench",),
        metavar="NAME",
        faces=("magic",),
    ),
    Option(
        "force",
        "compare results of bench from different machines or versions, with a caveat; another method or rate stays refused",
        ("compare",),
        False,
        parse=parse_flag,
        kind="flag",
    ),
    Option(
        "check_equal",
        "compare the results of both sides on the same input, and say where they differ",
        ("compare",),
        True,
        parse=parse_flag,
        kind="flag",
    ),
    Option(
        "fail_on",
        "exit with 1 where a pair has this verdict by at least this much; several rules are separated by commas",
        ("compare",),
        metavar="slower:5%",
        faces=("shell",),
    ),
    Option("html", "write a self-contained report", ALL, parse=Path, metavar="FILE", faces=("shell",)),
    Option("delete", "delete the run", ("history",), False, kind="flag", faces=("magic", "shell")),
    Option("rename", "give the run another name", ("history",), metavar="NAME", faces=("magic", "shell")),
    Option("tag", "add tags, separated by commas", ("history",), metavar="A,B", faces=("magic", "shell")),
    Option("untag", "remove tags, separated by commas", ("history",), metavar="A,B", faces=("magic", "shell")),
    Option("window", "the time over which throughput is counted: 1m", ("monitor",), metavar="1m", faces=("magic",)),
    Option("every", "how often the table is drawn", ("monitor",), "1s", metavar="1s", faces=("magic",)),
    Option("stop", "end the live view and stop watching the graph", ("monitor",), False, kind="flag", faces=("magic",)),
    Option(
        "command_line",
        "the line of a magic or a shell, kept in the history",
        ALL,
        parse=partial(_parse_text, "command_line"),
        faces=("python",),
    ),
    Option("watch", "called with every record as it is measured", ALL, parse=_parse_watcher, faces=("python",)),
)


def options_of(verb: str, face: Face = "python") -> tuple[Option, ...]:
    """The options of a verb in a face, in the order of the table."""
    return tuple(option for option in OPTIONS if verb in option.verbs and face in option.faces)
