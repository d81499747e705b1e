"""The plan of a job: which points of a sweep make sense for a target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pocket_lab.errors import UsageError, valid_unicode
from pocket_lab.graph.callables import SUPPLIED, needs_argument, takes, takes_argument, unwrapped
from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import OWN, Input, Job
from pocket_lab.measure.parameters.takers import Takers, measurable, target_name
from pocket_lab.measure.sweep import Sweep
from pocket_lab.measure.worker.native_limit import limit_of
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point


def plan_job(target: Any, input: Any, sweep: Sweep, name: str | None = None) -> Job:
    """Find the points of a sweep that make sense for this target; raises UsageError where none does.

    `name` is what results call the target, by default its own name.

    Worker counts vary for a graph with a fan-out, a callable with a parameter `workers`, and under the drives "map" and
    "load". Every other target is measured at one worker, with a Caveat if more were requested. With parameters, the target of
    the first combination decides.
    """
    if not callable(target) and not isinstance(target, Graph):
        raise UsageError(f"{target!r} cannot be measured: give a Graph, a Node or a callable")
    if sweep.automatic:
        raise UsageError(f'{" and ".join(sweep.automatic)}: "auto" is for bench, which looks for them: give numbers here')
    label = valid_unicode(name) if name and isinstance(name, str) else name or target_name(target)
    takers, first_input = Takers(), input
    if not sweep.params:
        first = measurable(target)
    else:
        values = sweep.values.of(next(sweep.combinations()))
        has_input = sweep.sizes != (None,) or input is not Input.ABSENT
        takers, first = Takers.of(target, input, values, has_input)
        first_input = takers.input_with(input, values)
    _check_input(first, first_input, sweep, label)
    caveats: list[Caveat] = []
    levels = _levels(first, sweep, label, caveats)
    points = tuple(
        Point(label, size, count, executor, sweep.drive, sweep.rate, params)
        for params in sweep.combinations()
        for size in sweep.sizes
        for executor, count in levels
    )
    limit = limit_of(sweep.native_threads, points)
    return Job(target if sweep.params else first, input, points, sweep, tuple(caveats), native_limit=limit, takers=takers)


def has_own_name(target: Any) -> bool:
    """Whether a target has a name of its own, and not only that of its class."""
    return target_name(target) not in ("<lambda>", type(target).__name__)


def _check_input(target: Any, input: Any, sweep: Sweep, label: str) -> None:
    sized = sweep.sizes != (None,)
    if sweep.fresh_input and input is not Input.ABSENT and not callable(input):
        raise UsageError(
            f"fresh_input builds an input for each run, and this input is a {type(input).__name__}: give a function of the size"
        )
    if sized and input is not Input.ABSENT and not callable(input):
        raise UsageError(
            f"input is a {type(input).__name__}, so sizes have no effect: give a function of the size, or no sizes"
        )
    if not sized and callable(input) and takes_argument(input):
        raise UsageError(f"the input function {target_name(unwrapped(input))} needs a size: add sizes, for example 10,100,1000")
    if not isinstance(target, Graph) and needs_argument(target) and not sized and input is Input.ABSENT:
        raise UsageError(f"{label} requires an argument: give sizes, or an input")
    if not isinstance(target, Graph) and not takes_argument(target):
        if sized or input is not Input.ABSENT:
            filled = ", ".join(name for name in SUPPLIED if takes(target, name))
            besides = f" besides {filled} (Pocket Lab gives it that)" if filled else ""
            raise UsageError(f"{label} takes no argument{besides}, so it can have neither sizes nor an input")
        if sweep.drive == "map":
            raise UsageError(f'{label} takes no argument, so the drive "map" has nothing to pass to it')
    if isinstance(input, Iterator) and (sweep.drive != "run" or sized):
        raise UsageError("the input is an iterator, which the first run exhausts: give a list, or a function that makes one")
    if sweep.drive == "map" and not sized and input is Input.ABSENT:
        raise UsageError('the drive "map" needs sizes, or an input that is a list of items')


def _levels(target: Any, sweep: Sweep, label: str, caveats: list[Caveat]) -> list[tuple[str, int]]:
    """The (executor, workers) pairs to measure."""
    if not isinstance(target, Graph) and sweep.drive == "run":
        if takes(target, "workers"):
            if not takes(target, "executor") and sweep.executors not in (None, ("serial",)):
                message = f"{label} has no parameter `executor`, so it starts its workers itself; executors was ignored"
                caveats.append(Caveat("own-executor", message))
            executors = (sweep.executors or ("threads",)) if takes(target, "executor") else (OWN,)
            return [(executor, count) for executor in executors for count in sweep.workers]
        return _single(target, sweep, label, "is a callable without a parameter `workers`", caveats)
    if isinstance(target, Graph) and sweep.drive == "run" and not any(node.fans_out for node in target.walk()):
        return _single(target, sweep, label, "has no fan-out", caveats)
    on_loop = isinstance(target, Graph) and target.plan.is_async
    if not on_loop and "asyncio" in (sweep.executors or ()):
        raise UsageError(f'{label} has no async node, which the executor "asyncio" requires: use threads or processes')
    levels: list[tuple[str, int]] = []
    is_alone = sweep.workers == (1,) and sweep.drive != "load"  # then no pool is needed
    default = "asyncio" if on_loop else "serial" if is_alone else "threads"
    for executor in sweep.executors or (default,):
        if executor == "serial" and sweep.workers != (1,):
            caveats.append(Caveat("serial-one-worker", "the executor serial has one worker; other counts were ignored"))
        levels += [(executor, count) for count in ((1,) if executor == "serial" else sweep.workers)]
    return levels


def _single(target: Any, sweep: Sweep, label: str, reason: str, caveats: list[Caveat]) -> list[tuple[str, int]]:
    on_loop = isinstance(target, Graph) and target.plan.is_async
    if sweep.workers != (1,) or sweep.executors not in (None, ("serial",), ("asyncio",)):
        message = f'{label} {reason}, so one run has one worker: measured at one; the drive "map" varies runs in flight'
        caveats.append(Caveat("one-worker", message))
    return [("asyncio" if on_loop else "serial", 1)]
