"""A live bar in the notebook, with the best estimate so far."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import ipywidgets
from IPython.display import HTML, DisplayHandle
from markupsafe import Markup

from pocket_lab.records.progress import Planned
from pocket_lab.records.record import Record
from pocket_lab.view.text.progress import ProgressState

_REDRAW_EVERY_S = 0.1


class ProgressWidget:
    """A watcher of records and a context manager: an ipywidgets bar while it runs, one static line afterwards.

    Records and heartbeats reach it on the thread that runs the cell, so it may set traits and needs no timer of its own.
    """

    def __init__(self) -> None:
        self._state = ProgressState()
        self._drawn_s = -1.0
        self._bar = ipywidgets.FloatProgress(min=0.0, max=1.0, layout=ipywidgets.Layout(width="260px"))
        self._text = ipywidgets.HTML()
        self._box = ipywidgets.HBox([self._bar, self._text])
        self._handle: DisplayHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, record: Record) -> None:
        """Take a record; appear once something runs, then draw at most ten times a second."""
        self._state.add(record)
        if self._handle is None and not isinstance(record, Planned):
            self._handle = DisplayHandle()
            self._handle.display(self._box)
        if self._state.elapsed_s - self._drawn_s >= _REDRAW_EVERY_S:
            self._draw()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Leave a line that needs no kernel: a saved widget would be blank."""
        if self._handle is not None:
            stopped = "" if kind is None else "stopped: "
            self._handle.update(_Line(stopped + self._state.summary))
        for widget in (self._bar, self._text, self._box):
            widget.close()

    def _draw(self) -> None:
        self._drawn_s = self._state.elapsed_s
        self._bar.value = self._state.fraction
        self._text.value = Markup("{} &nbsp; <b>{}</b>").format(self._state.headline, self._state.estimate)


class _Line(HTML):  # type: ignore[misc]
    """One line of small print, as text and as HTML."""

    def __init__(self, text: str) -> None:
        super().__init__(Markup('<span style="opacity:.75">{}</span>').format(text))
        self._line = text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self._line, "text/html": self.data}
