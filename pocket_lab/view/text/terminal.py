"""Results and progress in a terminal with rich, or as plain lines if the output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from pocket_lab.errors import printable
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.record import Record
from pocket_lab.view.text.failure import render_failure
from pocket_lab.view.text.progress import ProgressState
from pocket_lab.view.text.table import WRAPPED, TextTable

_LINE_EVERY_S = 5.0
_REDRAW_EVERY_S = 0.1


def print_table(console: Console, table: TextTable, title: str) -> None:
    """Print a table with rich, in parts if the terminal is narrow; plain and unwrapped if the output is not a terminal.

    No column is cut: if there are too many, those that have one value come as a line, and then the table is divided.
    """
    if not console.is_terminal:
        console.print(printable(f"{title}\n\n{table.to_text()}"), soft_wrap=True, highlight=False, markup=False)
        return
    console.print(f"[bold]{escape(printable(title))}[/bold]", highlight=False)
    table, constants = table.without_constants(console.width)
    for part in table.within(console.width):
        drawn = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
        for header in part.headers:
            drawn.add_column(header, justify="left" if header in part.left else "right", no_wrap=header not in WRAPPED)
        for row in part.rows:
            drawn.add_row(*map(escape, row))
        console.print(drawn)
    if constants:
        values = ", ".join(f"{header} {value or 'nothing'}" for header, value in constants.items())
        console.print(f"In every row: {printable(values)}", highlight=False, markup=False)


def print_result(
    console: Console,
    title: str,
    table: TextTable,
    findings: Iterable[str],
    failures: Iterable[str],
    caveats: Iterable[Caveat],
    error: BaseException | None,
) -> None:
    """Print a whole result: the table, the findings, failures and caveats, and the traceback of the first error."""
    print_table(console, table, title)
    texts = [*findings, *(f"Failed: {text}" for text in failures), *(f"Caveat: {caveat.message}" for caveat in caveats)]
    for text in texts:
        console.print(f"\n{printable(text)}", soft_wrap=not console.is_terminal, highlight=False, markup=False)
    if error is not None:
        console.print("\n" + "\n".join(render_failure(error)), soft_wrap=True, highlight=False, markup=False)
    console.print()


class TerminalProgress:
    """A watcher of records and a context manager that shows a bar with the best estimate so far."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state = ProgressState()
        self._drawn_s = 0.0
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (BarColumn(16), TextColumn("{task.fields[headline]}"), TextColumn("[dim]{task.fields[estimate]}"))
            self._bar = Progress(*columns, console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("bench", total=1.0, headline="", estimate="")
        return self

    def __call__(self, record: Record) -> None:
        """Take a record, and redraw if the last drawing is old enough."""
        self._state.add(record)
        every_s = _LINE_EVERY_S if self._bar is None else _REDRAW_EVERY_S
        if self._state.elapsed_s - self._drawn_s >= every_s:
            self._drawn_s = self._state.elapsed_s
            self._draw()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._state.has_begun:
            self._console.print(self._state.summary, highlight=False)

    def _draw(self) -> None:
        state = self._state
        if self._bar is None:
            self._console.print(f"{state.fraction:4.0%}  {state.headline}; {state.estimate}", soft_wrap=True, highlight=False)
        else:
            headline, estimate = escape(state.headline), escape(state.estimate)
            self._bar.update(self._bar.task_ids[0], completed=state.fraction, headline=headline, estimate=estimate)
            self._bar.refresh()
