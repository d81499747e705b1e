"""The table of verbs: what each answers and what it takes, for the help of every face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_TARGET = (("target", "a graph, node or callable"),)
_SIDE = "a graph, node, callable, Variant or result of bench, or @name of a run of the history"


@dataclass(frozen=True, slots=True)
class Verb:
    """One row: `targets` are the positional arguments with their help; `has_cell` is whether a cell can be the target."""

    name: str
    summary: str
    targets: tuple[tuple[str, str], ...] = _TARGET
    has_cell: bool = False

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
            "Is b faster or slower than a, the same, or cannot tell? Both run together.",
            (("a", _SIDE), ("b", _SIDE)),
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
