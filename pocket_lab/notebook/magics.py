"""The magics, made from the table of verbs: one for each verb, %pocket_history and %pocket_monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from IPython.core.magic import needs_local_scope, no_var_expand
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display

from pocket_lab.lab.history import History, use_history
from pocket_lab.lab.monitor import Monitor, watch_name
from pocket_lab.lab.options.arguments import add_arguments
from pocket_lab.lab.options.verbs import HISTORY, MONITOR, VERBS, Verb
from pocket_lab.lab.result import Result
from pocket_lab.measure.option_value import parse_option
from pocket_lab.notebook.expressions import evaluate
from pocket_lab.notebook.live import LiveView
from pocket_lab.notebook.magic_runner import MagicRunner, parse
from pocket_lab.units import parse_duration

Magic = Callable[..., Any]
NAMES = tuple(f"pocket_{name}" for name in (*VERBS, HISTORY.name, MONITOR.name))
_CELL_NOTE = " A cell is measured with the variables `n` and `workers`."
_MONITOR_NOTE = """

`%pocket_monitor graph` puts a watched graph into the variable `graph` (the same nodes, on the same store), so that every
later `graph.run(...)` counts; other variables that hold the graph stay as they are. `--stop` restores the old graph.
`%pocket_monitor monitor` shows an existing Monitor. Returns the Monitor: `m = %pocket_monitor graph`.
"""


def make_magics(runner: MagicRunner) -> Iterator[tuple[str, Magic]]:
    """The kind ("line" or "line_cell") and the function of each magic."""
    for verb in VERBS.values():
        yield "line_cell" if verb.has_cell else "line", _verb_magic(verb, runner)
    yield "line", _history_magic()
    yield "line", _monitor_magic(runner)


def _verb_magic(verb: Verb, runner: MagicRunner) -> Magic:
    def magic(line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        return runner.call(magic, verb, line, cell, local_ns)

    return _named(needs_local_scope(magic), verb, _CELL_NOTE if verb.has_cell else "")


def _history_magic() -> Magic:
    def magic(line: str) -> Result | History:
        found = use_history(**parse(magic, line))
        display(found)
        return found

    return _named(magic, HISTORY)


def _monitor_magic(runner: MagicRunner) -> Magic:
    def magic(line: str) -> Monitor:
        options = parse(magic, line)
        every_s = parse_option("every", parse_duration, options["every"], "1s")
        names, is_stop = runner.shell.user_ns, options["stop"]
        target = evaluate(options["target"], names)
        monitor = watch_name(names, options["target"], target, options.get("window"), is_stop)
        if is_stop:
            LiveView.close(monitor)
        elif hasattr(runner.shell, "kernel"):
            LiveView.open(monitor, max(every_s, 0.1))
        else:
            display(monitor.read())
        runner.has_shown(monitor)
        return monitor

    return _named(magic, MONITOR, _MONITOR_NOTE)


def _named(magic: Magic, verb: Verb, note: str = "") -> Magic:
    """The magic with its name, its parser and the help that `%pocket_bench?` shows; braces in its line stay as they are."""
    parser = MagicArgumentParser(f"pocket_{verb.name}", description=verb.summary + note)
    parser.allow_abbrev = False  # IPython's class has no argument for it
    add_arguments(parser, verb, "magic")
    magic.__name__ = magic.__qualname__ = f"pocket_{verb.name}"
    magic.__doc__ = parser.format_help()
    magic.parser = parser  # type: ignore[attr-defined]
    named: Magic = no_var_expand(magic)
    return named
