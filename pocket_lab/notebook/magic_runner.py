"""Parse the line of a magic, call its verb, and show the result exactly once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic_arguments import parse_argstring
from IPython.display import display, publish_display_data
from rich.console import Console

from pocket_lab.errors import UsageError
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.compare import Variant
from pocket_lab.lab.history import History
from pocket_lab.lab.monitor import Monitor
from pocket_lab.lab.options.arguments import with_nearest
from pocket_lab.lab.options.table import options_of
from pocket_lab.lab.options.verbs import Verb
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.last_result import last
from pocket_lab.measure.option_value import option_named
from pocket_lab.measure.parameters.takers import target_name
from pocket_lab.measure.planning import has_own_name
from pocket_lab.notebook.expressions import axes, compile_cell, evaluate, is_lookup
from pocket_lab.notebook.progress import ProgressWidget
from pocket_lab.view.text.failure import is_from_target, render_failure
from pocket_lab.view.text.terminal import TerminalProgress

Shown = Result | History | Monitor
_STOPPED = "KeyboardInterrupt: stopped; what was measured until then is pocket_lab.last()"
_KEPT = "what was measured is pocket_lab.last()"  # an assignment gets nothing from a magic that raises
_STOPPED_EARLY = "KeyboardInterrupt: stopped before anything was measured"


class MagicRunner:
    """Runs the verbs of magics in a shell, and shows each result once."""

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
        """Note that this cell has already shown it."""
        self._shown = (self.shell.execution_count, shown)

    def call(self, magic: Any, verb: Verb, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """The result of the verb for the options in the line; a partial result is shown before an interrupt is raised again."""
        names = {"notebook": sys.modules["__main__"], **self.shell.user_ns, **(local_ns or {})}
        line = _without_semicolon(line)
        options = parse(magic, line)
        if "resume" in options:
            options = _resuming(magic, options, cell, names)
        else:
            options["command_line"] = f"%{'' if cell is None else '%'}{magic.__name__} {line}".strip()
        targets = self._targets(options, cell, names)
        for name in _expressions(magic):
            if name in options:
                with option_named(name):
                    options[name] = evaluate(options[name], names)
        if "params" in options:
            options["params"] = axes(options["params"], names)
        before = last()
        try:
            with self._progress() as watch:
                result = verb.load()(*targets, watch=watch, **options)
        except KeyboardInterrupt as stop:
            partial = last()
            message = _STOPPED if partial is not before else _STOPPED_EARLY
            stop._render_traceback_ = lambda: [message]  # type: ignore[attr-defined]
            if partial is not before:
                display(partial)
            raise
        except Exception as error:
            partial = last()
            if partial is not before:
                display(partial)
            _show_user_traceback(error, partial is not before)
            raise
        display(result)
        if result.error is not None:
            _show_user_traceback(result.error, last() is result)
            raise result.error
        return result

    def _progress(self) -> ProgressWidget | TerminalProgress:
        """A widget in a kernel, a bar in IPython at a terminal."""
        return ProgressWidget() if hasattr(self.shell, "kernel") else TerminalProgress(Console())

    def _targets(self, options: dict[str, Any], cell: str | None, names: dict[str, Any]) -> list[Any]:
        """The targets, removed from the options; a target without a name gets its expression as its name."""
        if "a" in options:
            return _sides((options.pop("a"), options.pop("b")), names)
        expression = options.pop("target")
        target = self._target(expression, cell, names)
        if not has_own_name(target):
            options.setdefault("name", expression)
        return [target]

    def _target(self, expression: str | None, cell: str | None, names: dict[str, Any]) -> Any:
        if cell is None:
            if expression is None:
                raise UsageError("give the graph, node or function to measure, for example %pocket_bench graph")
            return evaluate(expression, names)
        if expression is not None:
            raise UsageError(f"%%pocket_bench measures its cell; remove {expression!r}, or write %pocket_bench {expression}")
        body = self.shell.transform_cell(cell)
        file = self.shell.compile.cache(body, self.shell.execution_count, raw_code=cell)
        return compile_cell(body, file, self.shell.user_ns)


def parse(magic: Any, line: str) -> dict[str, Any]:
    """The options in the line, by name; raises a UsageError of one line for invalid ones."""
    try:
        parsed: argparse.Namespace = parse_argstring(magic, _without_semicolon(line))
    except IPythonUsageError as error:
        message = with_nearest(str(error), magic.__name__.removeprefix("pocket_"), "magic")
        raise UsageError(f"{message}; %{magic.__name__}? lists the options") from None
    except ValueError as error:  # IPython divides the line as a shell does
        raise UsageError(
            f"the line of %{magic.__name__} has a quote or a backslash without its end ({error}); write a quote within an "
            "argument inside the other kind of quotes"
        ) from None
    return {name: _unquoted(value) for name, value in vars(parsed).items() if value is not None or name == "target"}


def _expressions(magic: Any) -> list[str]:
    """The options of a magic whose values are expressions of the notebook."""
    verb = magic.__name__.removeprefix("pocket_")
    return [option.name for option in options_of(verb, "magic") if option.kind in ("object", "objects")]


def _without_semicolon(line: str) -> str:
    """The line without a semicolon at its end, which hides the value of a cell in IPython."""
    return line.rstrip().removesuffix(";").rstrip()


def _sides(expressions: tuple[str, str], names: dict[str, Any]) -> list[Any]:
    """The sides of a comparison; @name is a run of the history.

    A side is named by its expression where it has no name, or the same name as the other side.
    """
    sides = [text[1:] if text.startswith("@") else evaluate(text, names) for text in expressions]
    if any(isinstance(side, str | Bench | Variant) for side in sides):
        return sides
    target_names = [target_name(side) for side in sides]
    alike = target_names[0] == target_names[1] and expressions[0] != expressions[1]
    return [
        Variant(side, name=text) if alike or name == "<lambda>" else side
        for side, name, text in zip(sides, target_names, expressions, strict=True)
    ]


def _resuming(magic: Any, options: dict[str, Any], cell: str | None, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the run to resume, where no target is given, overridden by those of this line.

    The history may be from somebody else: of its expressions only names of variables are used.
    """
    name = options.pop("resume")
    earlier: dict[str, Any] = {}
    if options.get("target") is None:
        command_line = History().command_line(name) or ""
        kind, _, line = command_line.partition(" ")
        if kind.lstrip("%") != magic.__name__ or (kind.startswith("%%") and cell is None):
            raise UsageError(f'"{name}" has no line of %{magic.__name__} with a target: give its target or its cell again')
        earlier = parse(magic, line)
        options.pop("target", None)
        for option in ("target", *_expressions(magic)):
            if option not in options and not is_lookup(earlier.get(option), variables):
                raise UsageError(
                    f'"{name}" was stored with the {option} {earlier[option]!r}, and what a file contains is not run as code: '
                    f"only the name of a variable is looked up; give the {option} again"
                )
    return {**earlier, **options, "name": name, "resume": True}


def _show_user_traceback(error: BaseException, is_kept: bool) -> None:
    """Make IPython render an error of the target without our own frames, and then where the result is, if it `is_kept`.

    A UsageError has its own rendering.
    """
    kept = [_KEPT] if is_kept else []
    if is_from_target(error) and not isinstance(error, UsageError):
        error._render_traceback_ = lambda: [*render_failure(error), *kept]  # type: ignore[attr-defined]
    elif is_kept:
        error.add_note(_KEPT)


def _unquoted(value: Any) -> Any:
    """IPython's argument splitter keeps the quotes of "a b"."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
