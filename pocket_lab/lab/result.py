"""What every result has: its records, caveats, failures, a frame, a plot, and a rich representation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.errors import UsageError, printable
from pocket_lab.executors.outcome import as_exception, unpack_error
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import describe
from pocket_lab.records.progress import Failure, Planned
from pocket_lab.records.record import Record
from pocket_lab.view.html import page
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Result(ABC):
    """A finished or interrupted measurement; everything else is derived from its records.

    `run` is its number in the history; None where it is not kept there.
    """

    def __init__(self, name: str, records: Sequence[Record], run: int | None = None) -> None:
        self.name = name
        self.records = tuple(records)
        self.run = run

    @property
    @abstractmethod
    def title(self) -> str:
        """The kind of the result and the name of the target."""

    @cached_property
    def target(self) -> str:
        """The name of what was measured; `name` is that of the run."""
        planned = (point.target for record in self.records if isinstance(record, Planned) for point in record.points)
        return next(planned, self.name)

    @property
    def _names(self) -> str:
        """The name of the target, and that of the run where it has its own."""
        return self.target if self.name == self.target else f'{self.target}, "{self.name}"'

    @property
    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """The tidy frame, units in the column names."""

    @property
    @abstractmethod
    def table(self) -> TextTable:
        """The frame as text."""

    def plot(self, ax: Axes | None = None) -> Figure:
        """The picture as a new figure, or its first panel on the given axes."""
        if ax is None:
            return self._figure()
        self._draw(ax)
        figure: Figure = ax.figure  # type: ignore[assignment]
        return figure

    @abstractmethod
    def _figure(self) -> Figure: ...

    @abstractmethod
    def _draw(self, ax: Axes) -> None: ...

    @property
    def findings(self) -> list[str]:
        """What the frame means, a sentence each."""
        return []

    @cached_property
    def caveats(self) -> list[Caveat]:
        """Every doubt about the result, each once; `records.caveat.CODES` explains their codes."""
        return list(dict.fromkeys(record for record in self.records if isinstance(record, Caveat)))

    @property
    def failures(self) -> list[str]:
        """Every point that failed, and why."""
        texts = []
        for record in self.records:
            if isinstance(record, Failure):
                where = "" if record.point is None else f"{describe(record.point)}: "
                texts.append(where + record.chain[0][1])
        return texts

    @cached_property
    def error(self) -> Exception | None:
        """The first error of the target, as it was raised in the measuring process; None if all went well.

        What would end this program, such as SystemExit, is the cause of a TargetAborted.
        """
        failed = next((record for record in self.records if isinstance(record, Failure)), None)
        return None if failed is None else as_exception(unpack_error(failed.chain))

    def to_html(self) -> str:
        """The result as an HTML fragment: table, picture, findings and caveats, with nothing from the network."""
        return str(self._fragment())  # a plain str: Markup would escape the strings that a caller adds

    def save_html(self, path: str | Path) -> Path:
        """Write a self-contained page and return its path; raises UsageError where it cannot be written."""
        target = Path(path)
        try:
            target.write_text(page.page(self.title, self._fragment()), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"the report cannot be written to {target}: {error.strerror}") from error
        return target.resolve()

    def _fragment(self) -> Markup:
        return page.fragment(self.title, self._parts())

    def _parts(self) -> list[Markup]:
        from pocket_lab.view.plots.figure import to_svg  # here, so that measuring does not wait for matplotlib

        return [
            self.table.to_html(),
            page.paragraphs(self.findings),
            page.failures(self.failures),
            to_svg(self.plot()),
            page.caveats(self.caveats),
        ]

    def __str__(self) -> str:
        parts = [self.title, self.table.to_text(), *self.findings]
        parts += [f"Failed: {failure}" for failure in self.failures]
        parts += [f"Caveat: {caveat.message}" for caveat in self.caveats]
        return printable("\n\n".join(parts))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title!r}, {len(self.frame)} rows>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.to_html()}
