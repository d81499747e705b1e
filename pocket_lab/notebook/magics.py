"""The magics that measure: %pocket_bench, %pocket_compare, %pocket_history."""

from __future__ import annotations

from typing import Any, ClassVar

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from pocket_lab.errors import UsageError
from pocket_lab.lab.bench import Bench, bench
from pocket_lab.lab.compare import Comparison, compare
from pocket_lab.lab.history import History
from pocket_lab.lab.result import Result
from pocket_lab.notebook.magic_runner import MagicRunner, parse
from pocket_lab.notebook.options import DRIVE, EXECUTORS, INPUT, ISOLATION, SIZES, TIMED, WORKERS


@magics_class
class MeasureMagics(Magics):  # type: ignore[misc]
    """The line and cell magics that measure."""

    magics: ClassVar[dict[str, dict[str, str]]]

    def __init__(self, shell: Any, runner: MagicRunner) -> None:
        super().__init__(shell)
        self._runner = runner

    @magic_arguments()
    @argument("target", nargs="?", help="a graph, node or callable of this notebook (not for %%%%pocket_bench)")
    @SIZES
    @WORKERS
    @EXECUTORS
    @INPUT
    @DRIVE
    @argument("--precision", "-p", help="a point is done when its interval is within this: 2%%")
    @argument("--budget", "-b", help="the longest time for the whole sweep: 30s")
    @ISOLATION
    @argument("--memory", action="store_true", default=None, help="add a run of each point under memray: peaks and allocations")
    @TIMED
    @argument("--resume", help="go on with the newest run of this name; without a target, with what it was asked for")
    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def pocket_bench(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Bench:
        """How fast is it, how does it grow with its input and its workers? A cell is measured with `n` and `workers`."""
        result: Bench = self._runner.call(self.pocket_bench, bench, line, cell, local_ns)
        return result

    @magic_arguments()
    @argument("a", help="a graph, node or callable of this notebook, a result of %%pocket_bench, or @name of a run")
    @argument("b", help="what to compare with it")
    @SIZES
    @WORKERS
    @EXECUTORS
    @INPUT
    @DRIVE
    @argument("--margin", "-m", help="the smallest change that counts: 1%%")
    @argument("--budget", "-b", help="the longest time for all pairs: 10s")
    @TIMED
    @argument("--force", action="store_true", default=None, help="compare stored results of different machines too")
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_compare(self, line: str, local_ns: dict[str, Any] | None = None) -> Comparison:
        """Is b faster or slower than a, the same, or can it not be told? Both are measured together."""
        result: Comparison = self._runner.call(self.pocket_compare, compare, line, None, local_ns)
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
        found = _history(parse(self.pocket_history, line))
        display(found)
        return found


def _history(asked: dict[str, Any]) -> Result | History:
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
