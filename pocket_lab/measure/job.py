"""A Job: the target, its input, and the points to measure; all that a measuring process needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.graph.callables import is_async
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.sweep import Sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Latency, Sample

OWN = "own"
_OURS = ("workers", "executor", "ctx")
_UNTOLD = inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)


class Input(Enum):
    """The absence of an input, which None is not: None may be an input."""

    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure.

    `earlier` is what an interrupted measurement of the same points left of samples; `scratch` is a folder of the parent's
    for files that must not outlive the measuring process.
    """

    target: Graph | Callable[..., Any]
    input: Any
    points: tuple[Point, ...]
    sweep: Sweep
    caveats: tuple[Caveat, ...] = ()
    earlier: tuple[Sample | Latency, ...] = ()
    scratch: str = ""

    @property
    def hint(self) -> str:
        """What helps where a part cannot be sent."""
        return 'build it inside the function that uses it, or measure in place with isolation="kernel"'

    def parts(self) -> dict[str, Any]:
        """What of the user's is sent to the measuring process, by the names that an error gives it."""
        return {f'target "{self.points[0].target}"': self.target, "input": self.input}


def plan_job(target: Any, input: Any, sweep: Sweep, name: str | None = None) -> Job:
    """Find the points of a sweep that make sense for this target; raises UsageError where none does.

    A target has workers to vary if it is a graph with a fan-out, if it is a callable with a parameter `workers`, or
    under the drive "map". Any other is measured at one worker, with a Caveat if more were asked for.
    """
    if not isinstance(target, Graph | Node) and is_async(target):
        target = _awaited(target)
    if isinstance(target, Node):
        target = Graph(target, name=target.name)
    if not callable(target) and not isinstance(target, Graph):
        raise UsageError(f"{target!r} cannot be measured: give a Graph, a Node or a callable")
    label = name or target_name(target)
    _check_input(target, input, sweep, label)
    caveats: list[Caveat] = []
    levels = _levels(target, sweep, label, caveats)
    points = tuple(
        Point(label, size, count, executor, sweep.drive, sweep.rate) for size in sweep.sizes for executor, count in levels
    )
    return Job(target, input, points, sweep, tuple(caveats))


def _awaited(function: Callable[..., Any]) -> Node:
    """An async function as a node, which knows how to run it."""
    if takes_argument(function):
        return Node(target_name(function), exec=function)

    async def call(_: Any) -> Any:
        return await function()

    async def call_with(_: Any, ctx: Context) -> Any:
        return await function(ctx=ctx)

    return Node(target_name(function), exec=call_with if takes(function, "ctx") else call)


def target_name(target: Any) -> str:
    """The name under which results show a target."""
    name = getattr(target, "name", None) or getattr(target, "__name__", None)
    return str(name or type(target).__name__)


def takes(function: Any, parameter: str) -> bool:
    """Whether a callable has a parameter of this name."""
    return parameter in _parameters(function)


def takes_argument(function: Any) -> bool:
    """Whether a callable can be given one positional argument."""
    return bool(_positional(function))


def needs_argument(function: Any) -> bool:
    """Whether a callable cannot be called without a positional argument; one that does not tell is tried without."""
    told = [parameter for parameter in _positional(function) if parameter is not _UNTOLD]
    return any(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in told)


def leading_parameters(function: Any) -> list[str]:
    """The names of the parameters that can be given by their place, in order."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, parameter in _parameters(function).items() if parameter.kind in kinds]


def _positional(function: Any) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = _parameters(function).items()
    return [p for name, p in parameters if name not in _OURS and p.kind in kinds]


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # builtins without a signature
        return {"input": _UNTOLD}


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
        raise UsageError(f"the input function {target_name(input)} wants a size: add sizes, for example 10,100,1000")
    if not isinstance(target, Graph) and needs_argument(target) and not sized and input is Input.ABSENT:
        raise UsageError(f"{label} wants an argument: give sizes, or an input")
    if not isinstance(target, Graph) and not takes_argument(target):
        if sized or input is not Input.ABSENT:
            raise UsageError(f"{label} takes no argument, so it can have neither sizes nor an input")
        if sweep.drive == "map":
            raise UsageError(f'{label} takes no argument, so the drive "map" has nothing to give it')
    if isinstance(input, Iterator) and (sweep.drive != "run" or sized):
        raise UsageError("the input is an iterator, which the first run uses up: give a list, or a function that makes one")
    if sweep.drive == "map" and not sized and input is Input.ABSENT:
        raise UsageError('the drive "map" needs sizes, or an input that is a list of items')


def _levels(target: Any, sweep: Sweep, label: str, caveats: list[Caveat]) -> list[tuple[str, int]]:
    """(executor, workers) pairs."""
    if not isinstance(target, Graph) and sweep.drive == "run":
        if takes(target, "workers"):
            if not takes(target, "executor") and sweep.executors not in (None, ("serial",)):
                message = f"{label} has no parameter `executor`, so it runs its workers in its own way; executors was left out"
                caveats.append(Caveat("own-executor", message))
            executors = (sweep.executors or ("threads",)) if takes(target, "executor") else (OWN,)
            return [(executor, count) for executor in executors for count in sweep.workers]
        return _single(target, sweep, label, "is a callable without a parameter `workers`", caveats)
    if isinstance(target, Graph) and sweep.drive == "run" and not any(node.fans_out for node in target.walk()):
        return _single(target, sweep, label, "has no fan-out", caveats)
    on_loop = isinstance(target, Graph) and target.plan.is_async
    if not on_loop and "asyncio" in (sweep.executors or ()):
        raise UsageError(f'{label} has no async node, and the executor "asyncio" is for those: use threads or processes')
    levels: list[tuple[str, int]] = []
    for executor in sweep.executors or ("asyncio" if on_loop else "threads",):
        if executor == "serial" and sweep.workers != (1,):
            caveats.append(Caveat("serial-one-worker", "the executor serial has one worker; other counts were left out"))
        levels += [(executor, count) for count in ((1,) if executor == "serial" else sweep.workers)]
    return levels


def _single(target: Any, sweep: Sweep, label: str, why: str, caveats: list[Caveat]) -> list[tuple[str, int]]:
    on_loop = isinstance(target, Graph) and target.plan.is_async
    if sweep.workers != (1,) or sweep.executors not in (None, ("serial",), ("asyncio",)):
        message = f'{label} {why}, so one run has one worker: measured at one; the drive "map" varies runs in flight'
        caveats.append(Caveat("one-worker", message))
    return [("asyncio" if on_loop else "serial", 1)]
