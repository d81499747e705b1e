"""The table of verbs: the question that each answers and what it takes, for the help of every face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_TARGET = (("target", "a graph, node or callable"),)
_SIDE = "a graph, node, callable or result of bench, or @name of a run of the history"


@dataclass(frozen=True, slots=True)
class Verb:
    """One row: `targets` are the positional arguments with their help.

    `has_cell`: the body of a cell can be the target. `takes_runs`: a target can be @name, a run of the history. `has_objects`:
    the targets are objects, not names of runs.
    """

    name: str
    summary: str
    targets: tuple[tuple[str, str], ...] = _TARGET
    has_cell: bool = False
    takes_runs: bool = False
    has_objects: bool = True

    def load(self) -> Callable[..., Any]:
        """The function, imported when it is first used."""
        function: Callable[..., Any] = getattr(import_module(f"pocket_lab.lab.{self.name}"), self.name)
        return function


VERBS = {
    verb.name: verb
    for verb in (
        Verb("bench", "How fast is it, and how does it grow with its input and its workers?", has_cell=True),
        Verb(
            "compare",
            "Is b faster than a, slower or the same? Or the data do not decide. Both are measured together.",
            (("a", _SIDE), ("b", _SIDE)),
            takes_runs=True,
        ),
        Verb("memory", "Which node allocates how much, and what is its peak? One run of each point under memray."),
        Verb("lines", "Which source lines of which node take the time? One run of each point under line_profiler."),
        Verb("cpu", "Which calls of which node take the time? One run of each point with its stacks sampled."),
        Verb("trace", "Which node ran when on which worker, and what did the run wait for? One run of each point."),
        Verb(
            "leaks",
            "What do runs leave behind: threads, tasks, processes, files, sockets, memory? Many runs of each point; in the "
            "shell, exit code 1 where something grows.",
        ),
    )
}
HISTORY = Verb(
    "history",
    "What was measured earlier? The list of runs, or one run; delete, rename or tag it.",
    (("run", "a name (its newest run) or a number; without, the list of all"),),
    has_objects=False,
)
MONITOR = Verb(
    "monitor",
    "What do the nodes of a graph do while it is in use? A live table that continues while later cells run.",
    (("target", "the name of a graph of this notebook, or a Monitor"),),
    has_objects=False,
)
