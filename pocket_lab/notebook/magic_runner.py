"""What every magic does with its line: parse it, call its verb, show the result exactly once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic_arguments import parse_argstring
from IPython.display import display, publish_display_data
from rich.console import Console

from pocket_lab.errors import UsageError
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.compare import Variant
from pocket_lab.lab.history import History
from pocket_lab.lab.last_result import last
from pocket_lab.lab.monitor import Monitor
from pocket_lab.lab.result import Result
from pocket_lab.measure.planning import target_name
from pocket_lab.notebook.expressions import compile_cell, evaluate
from pocket_lab.notebook.progress import ProgressWidget
from pocket_lab.view.text.failure import is_from_target, render_failure
from pocket_lab.view.text.terminal import TerminalProgress

Shown = Result | History | Monitor
_EXPRESSIONS = ("input", "also")
_STOPPED = "KeyboardInterrupt: stopped; what was measured until then is pocket_lab.last()"
_STOPPED_EARLY = "KeyboardInterrupt: stopped before anything was measured"


class MagicRunner:
    """A shell in which magics ask, and what was shown last."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._shown: tuple[int, Shown] | None = None

    def show(self, result: Shown) -> None:
        """Display a result, unless this very cell has shown it: a magic on a cell's last line is displayed twice."""
        now = (self.shell.execution_count, result)
        if self._shown is None or self._shown[0] != now[0] or self._shown[1] is not result:
            self._shown = now
            publish_display_data(result._repr_mimebundle_())

    def has_shown(self, shown: Shown) -> None:
        """This cell has shown it in a way of its own."""
        self._shown = (self.shell.execution_count, shown)

    def call(
        self, magic: Any, verb: Callable[..., Any], line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """The result of the verb for the options in the line; what an interrupt leaves is shown before it is raised again."""
        names = {"notebook": sys.modules["__main__"], **self.shell.user_ns, **(local_ns or {})}
        options = parse(magic, line)
        if "resume" in options:
            options = _resuming(magic, options, cell)
        else:
            options["command_line"] = f"%{'' if cell is None else '%'}{magic.__name__} {line}".strip()
        targets = self._targets(options, cell, names)
        options |= {name: evaluate(options[name], names) for name in _EXPRESSIONS if name in options}
        before = last()
        try:
            with self._progress() as watch:
                result = verb(*targets, watch=watch, **options)
        except KeyboardInterrupt as stop:
            partial = last()
            told = _STOPPED if partial is not before else _STOPPED_EARLY
            stop._render_traceback_ = lambda: [told]  # type: ignore[attr-defined]
            if partial is not before:
                display(partial)
            raise
        except Exception as error:
            if (partial := last()) is not before:
                display(partial)
            _show_user_traceback(error)
            raise
        display(result)
        if result.error is not None:
            _show_user_traceback(result.error)
            raise result.error
        return result

    def _progress(self) -> ProgressWidget | TerminalProgress:
        """A widget where there is a kernel to carry it, the terminal's bar in IPython at a terminal."""
        return ProgressWidget() if hasattr(self.shell, "kernel") else TerminalProgress(Console())

    def _targets(self, options: dict[str, Any], cell: str | None, names: dict[str, Any]) -> list[Any]:
        """What to measure, taken out of the options; what has no name of its own is called as it was written."""
        if "a" in options:
            return _sides((options.pop("a"), options.pop("b")), names)
        expression = options.pop("target")
        target = self._target(expression, cell, names)
        if target_name(target) in ("<lambda>", type(target).__name__):
            options.setdefault("name", expression)
        return [target]

    def _target(self, expression: str | None, cell: str | None, names: dict[str, Any]) -> Any:
        if cell is None:
            if expression is None:
                raise UsageError("give the graph, node or function to measure, for example %pocket_bench graph")
            return evaluate(expression, names)
        if expression is not None:
            raise UsageError(f"%%pocket_bench measures its cell; take {expression!r} away, or write %pocket_bench {expression}")
        body = self.shell.transform_cell(cell)
        file = self.shell.compile.cache(body, self.shell.execution_count, raw_code=cell)
        return compile_cell(body, file, self.shell.user_ns)


def parse(magic: Any, line: str) -> dict[str, Any]:
    """The options that were given, by name; what the parser refuses is one line."""
    try:
        parsed: argparse.Namespace = parse_argstring(magic, line)
    except IPythonUsageError as error:
        raise UsageError(f"{error}; %{magic.__name__}? lists the options") from None
    return {name: _unquoted(value) for name, value in vars(parsed).items() if value is not None or name == "target"}


def _sides(expressions: tuple[str, str], names: dict[str, Any]) -> list[Any]:
    """The sides of a comparison; @name is a run of the history.

    A side has its expression for a name where it has none of its own, or the same as the other one.
    """
    sides = [text[1:] if text.startswith("@") else evaluate(text, names) for text in expressions]
    if any(isinstance(side, str | Bench | Variant) for side in sides):
        return sides
    told = [target_name(side) for side in sides]
    alike = told[0] == told[1] and expressions[0] != expressions[1]
    return [
        Variant(side, name=text) if alike or name == "<lambda>" else side
        for side, name, text in zip(sides, told, expressions, strict=True)
    ]


def _resuming(magic: Any, options: dict[str, Any], cell: str | None) -> dict[str, Any]:
    """The options of the run to go on with, where no target is given, and those that are given now."""
    name = options.pop("resume")
    earlier: dict[str, Any] = {}
    if options.get("target") is None:
        asked = History().command_line(name) or ""
        kind, _, line = asked.partition(" ")
        if kind.lstrip("%") != magic.__name__ or (kind.startswith("%%") and cell is None):
            raise UsageError(f'"{name}" was not asked for by %{magic.__name__} alone: give its target or its cell again')
        earlier = parse(magic, line)
        options.pop("target", None)
    return {**earlier, **options, "name": name, "resume": True}


def _show_user_traceback(error: BaseException) -> None:
    """Give an error of the target the rendering that IPython asks for; a UsageError has its own."""
    if is_from_target(error) and not isinstance(error, UsageError):
        error._render_traceback_ = lambda: render_failure(error)  # type: ignore[attr-defined]


def _unquoted(value: Any) -> Any:
    """IPython's argument splitter keeps the quotes of "a b"."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
