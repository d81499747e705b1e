"""The magics: each parses its line, calls one verb, and shows the result exactly once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, ClassVar

from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display, publish_display_data
from rich.console import Console

from pocket_lab.errors import UsageError
from pocket_lab.lab.bench import Bench, bench
from pocket_lab.lab.compare import Comparison, Variant, compare
from pocket_lab.lab.history import History
from pocket_lab.lab.last import last
from pocket_lab.lab.lines import LineProfile, lines
from pocket_lab.lab.memory import MemoryProfile, memory
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import target_name
from pocket_lab.notebook.names import compile_cell, evaluate
from pocket_lab.notebook.progress import ProgressWidget
from pocket_lab.view.failure import is_from_target, render_failure
from pocket_lab.view.terminal import TerminalProgress

_INPUT = argument("--input", "-i", help="a function of the size, or the input itself: an expression of this notebook")
_DRIVE = argument("--drive", "-d", help='"run" (one input, one run; the default), "map" (a list, each item a run) or "load"')
_RATE = argument("--rate", help="under load, the requests a second that come whether answered or not")
_TIMEOUT = argument("--point-timeout", help="the longest time for a batch; a longer one is ended")
_FRESH = argument("--fresh-input", action="store_true", default=None, help="build the input anew for each run")
_STORE = argument("--store", help='"fresh" for each run of a graph (the default) or "shared"')
_CACHES = argument("--caches", help='"warm" (the default), or "cold" to clear the target\'s caches before each run')
_NAME = argument("--name", help="how results and the history call it")
_BUDGET = argument("--budget", "-b", help="the longest time for the run: 30s")
_SIZE = argument("--size", "-s", help="the number handed to the input function")


@magics_class
class PocketMagics(Magics):  # type: ignore[misc]
    """The line and cell magics of Pocket Lab."""

    magics: ClassVar[dict[str, dict[str, str]]]

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shown: tuple[int, Result | History] | None = None

    @magic_arguments()
    @argument("target", nargs="?", help="a graph, node or callable of this notebook (not for %%%%pocket_bench)")
    @argument("--sizes", "--size", "-s", help="10,100,1k or 2^4..2^12; without, one point")
    @argument("--workers", "-w", help="1,2,4 or 1..8")
    @argument("--executors", "--executor", "-e", help="serial, threads, processes, asyncio")
    @_INPUT
    @_DRIVE
    @argument("--precision", "-p", help="a point is done when its interval is within this: 2%%")
    @argument("--budget", "-b", help="the longest time for the whole sweep: 30s")
    @argument("--isolation", help='"process" (the default), or "kernel" to measure in place')
    @_RATE
    @_TIMEOUT
    @_FRESH
    @_STORE
    @_CACHES
    @_NAME
    @argument("--resume", help="go on with the newest run of this name; without a target, with what it was asked for")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def pocket_bench(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Bench:
        """How fast is it, how does it grow with its input and its workers? A cell is measured with `n` and `workers`."""
        result: Bench = self._call(bench, line, cell, local_ns)
        return result

    @magic_arguments()
    @argument("run", nargs="?", help="a name (its newest run) or a number; without, the list of all")
    @argument("--delete", action="store_true", help="delete the run")
    @argument("--rename", help="give it another name")
    @argument("--tag", help="add a tag")
    @argument("--untag", help="take a tag away")
    @no_var_expand
    @line_magic
    def pocket_history(self, line: str) -> Result | History:
        """What was measured earlier? The list of runs, or one of them again."""
        found = self._history(_parse(self.pocket_history, line))
        display(found)
        return found

    def _history(self, asked: dict[str, Any]) -> Result | History:
        history = History()
        run = asked.pop("run", None)
        if run is None:
            if any(asked.values()):
                raise UsageError("give the name or the number of the run to change")
            return history
        if asked["delete"]:
            history.delete(run)
        elif "rename" in asked:
            history.rename(run, asked["rename"])
        elif "tag" in asked or "untag" in asked:
            history.tag(run, *filter(None, [asked.get("tag")]))
            history.untag(run, *filter(None, [asked.get("untag")]))
        else:
            return history.load(run)
        return history

    @magic_arguments()
    @argument("a", help="a graph, node or callable of this notebook, a result of %%pocket_bench, or @name of a run")
    @argument("b", help="what to compare with it")
    @argument("--sizes", "--size", "-s", help="10,100,1k or 2^4..2^12; without, one pair")
    @argument("--workers", "-w", help="1,2,4 or 1..8")
    @argument("--executors", "--executor", "-e", help="serial, threads, processes, asyncio")
    @_INPUT
    @_DRIVE
    @argument("--margin", "-m", help="the smallest change that counts: 1%%")
    @argument("--budget", "-b", help="the longest time for all pairs: 10s")
    @_RATE
    @_TIMEOUT
    @_FRESH
    @_STORE
    @_CACHES
    @argument("--force", action="store_true", default=None, help="compare stored results of different machines too")
    @_NAME
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_compare(self, line: str, local_ns: dict[str, Any] | None = None) -> Comparison:
        """Is b faster or slower than a, the same, or can it not be told? Both are measured together."""
        result: Comparison = self._call(compare, line, None, local_ns)
        return result

    @magic_arguments()
    @argument("target", help="a graph, node or callable of this notebook")
    @_SIZE
    @argument("--workers", "-w", help="the tasks in flight of the run")
    @argument("--executor", "-e", help="serial or threads")
    @_INPUT
    @_DRIVE
    @_BUDGET
    @argument("--python-allocators", action="store_true", default=None, help="follow every Python object, more slowly")
    @_NAME
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_memory(self, line: str, local_ns: dict[str, Any] | None = None) -> MemoryProfile:
        """Which node allocates how much, and what does it hold at its peak? One run under memray."""
        result: MemoryProfile = self._call(memory, line, None, local_ns)
        return result

    @magic_arguments()
    @argument("target", help="a graph, node or callable of this notebook")
    @_SIZE
    @_INPUT
    @_DRIVE
    @_BUDGET
    @_NAME
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_lines(self, line: str, local_ns: dict[str, Any] | None = None) -> LineProfile:
        """Which source lines of which node take the time? One run under line_profiler."""
        result: LineProfile = self._call(lines, line, None, local_ns)
        return result

    def show(self, result: Result | History) -> None:
        """Display a result, unless this very cell has shown it: a magic on a cell's last line is displayed twice."""
        now = (self.shell.execution_count, result)
        if self._shown is None or self._shown[0] != now[0] or self._shown[1] is not result:
            self._shown = now
            publish_display_data(result._repr_mimebundle_())

    def _call(self, verb: Callable[..., Any], line: str, cell: str | None, local_ns: dict[str, Any] | None) -> Any:
        names = {**self.shell.user_ns, **(local_ns or {})}
        magic = getattr(self, f"pocket_{verb.__name__}")
        options = _parse(magic, line)
        if "resume" in options:
            options = _resuming(magic, options, cell)
        else:
            options["asked"] = f"%{'' if cell is None else '%'}{magic.__name__} {line}".strip()
        targets = self._targets(options, cell, names)
        if "input" in options:
            options["input"] = evaluate(options["input"], names)
        before = last()
        try:
            with self._progress() as watch:
                result = verb(*targets, watch=watch, **options)
        except KeyboardInterrupt:
            if (partial := last()) is not before:
                display(partial)
            raise
        except Exception as error:
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
        asked = History().asked(name) or ""
        kind, _, line = asked.partition(" ")
        if kind.lstrip("%") != magic.__name__ or (kind.startswith("%%") and cell is None):
            raise UsageError(f'"{name}" was not asked for by %{magic.__name__} alone: give its target or its cell again')
        earlier = _parse(magic, line)
        options.pop("target", None)
    return {**earlier, **options, "name": name, "resume": True}


def _show_user_traceback(error: BaseException) -> None:
    """Give an error of the target the rendering that IPython asks for; a UsageError has its own."""
    if is_from_target(error) and not isinstance(error, UsageError):
        error._render_traceback_ = lambda: render_failure(error)  # type: ignore[attr-defined]


def _parse(magic: Any, line: str) -> dict[str, Any]:
    """The options that were given, by name; what the parser refuses is one line."""
    try:
        parsed: argparse.Namespace = parse_argstring(magic, line)
    except IPythonUsageError as error:
        raise UsageError(f"{error}; %{magic.__name__}? lists the options") from None
    return {name: _unquoted(value) for name, value in vars(parsed).items() if value is not None or name == "target"}


def _unquoted(value: Any) -> Any:
    """IPython's argument splitter keeps the quotes of "a b"."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
