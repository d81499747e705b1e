"""A monitor live in the notebook: a table that follows it, and where nothing follows any more, what it last showed."""

from __future__ import annotations

import contextvars
import threading
import weakref
from typing import Any

import ipywidgets
from IPython.display import DisplayHandle

from pocket_lab.lab.monitor import Monitor

_views: weakref.WeakKeyDictionary[Monitor, LiveView] = weakref.WeakKeyDictionary()


class LiveView:
    """The table of a monitor, redrawn at a fixed interval, with buttons to stop it and to reset the counts.

    Its thread ends with the monitor, at `stop`, or where another view of the same monitor is opened. `stop` leaves no widget
    either: the last reading replaces it, which needs no kernel.
    """

    def __init__(self, monitor: Monitor, every_s: float) -> None:
        self._stopped = threading.Event()
        stopped = self._stopped
        self._monitor = weakref.ref(monitor, lambda _: stopped.set())
        self._table = ipywidgets.HTML(monitor.to_html())
        stop, reset = (ipywidgets.Button(description=text, layout={"width": "auto"}) for text in ("Stop", "Reset"))
        stop.on_click(lambda _: self.stop())
        reset.on_click(lambda _: self._reset())
        self._box = ipywidgets.VBox([self._table, ipywidgets.HBox([stop, reset])])
        self._widgets = [self._table, stop, reset, self._box.children[1], self._box]
        self._handle = DisplayHandle()
        follow = contextvars.copy_context().run  # ipykernel finds the cell of a thread by its context
        arguments = (_follow, self._monitor, self._table, self._stopped, every_s)
        self._thread = threading.Thread(target=follow, args=arguments, name="pocket-lab-live", daemon=True)

    @classmethod
    def open(cls, monitor: Monitor, every_s: float) -> LiveView:
        """Show the monitor below the cell that runs now, in the place of an earlier view of it."""
        if (earlier := _views.pop(monitor, None)) is not None:
            earlier.stop()
        view = _views[monitor] = cls(monitor, every_s)
        view._handle.display(view)
        view._thread.start()
        return view

    @classmethod
    def close(cls, monitor: Monitor) -> None:
        """Stop the view of the monitor, where there is one."""
        if (view := _views.pop(monitor, None)) is not None:
            view.stop()

    def stop(self) -> None:
        """Follow the monitor no longer, and leave what it last showed."""
        self._stopped.set()
        monitor = self._monitor()
        if monitor is not None and self._widgets:
            self._handle.update(monitor.read()._repr_mimebundle_(), raw=True)
        for widget in self._widgets:
            widget.close()
        self._widgets = []

    def _reset(self) -> None:
        if (monitor := self._monitor()) is not None:
            monitor.reset()
            self._table.value = monitor.to_html()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The widget, and beside it a table for where there is no kernel."""
        monitor = self._monitor()
        static = {} if monitor is None else {"text/plain": str(monitor), "text/html": monitor.to_html()}
        return {**self._box._repr_mimebundle_(), **static}


def _follow(monitor: weakref.ref[Monitor], table: ipywidgets.HTML, stopped: threading.Event, every_s: float) -> None:
    """Until it is stopped or the monitor is gone, which the thread does not keep alive."""
    while not stopped.wait(every_s):
        if (watched := monitor()) is None:
            return
        text = watched.to_html()
        if text != table.value:
            table.value = text
        del watched
