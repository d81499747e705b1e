"""Monitor: what the nodes of a graph do while it is in use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pandas as pd

from pocket_lab.errors import UsageError
from pocket_lab.frames.monitor import recent_frame, traffic_frame
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.lab.result import Result
from pocket_lab.measure.option_value import parse_option
from pocket_lab.profile.monitor.traffic import Traffic
from pocket_lab.records.codec import valid_record
from pocket_lab.units import format_count, format_duration, parse_duration
from pocket_lab.view.html import page
from pocket_lab.view.text.table import TextTable
from pocket_lab.view.text.traffic_table import traffic_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pocket_lab.graph.observers import Run, Sink


class MonitorSnapshot(Result):
    """The counts of a monitor at one moment: `.frame` has a row per node, `.plot()` draws latencies and throughput."""

    @property
    def title(self) -> str:
        """How many visits there were, and the window of the throughput, or the part of it since the monitor began."""
        visits = format_count(int(self.frame["executions"].sum()))
        since_s = float(self.frame["window_s"].max())
        is_younger = since_s < parse_duration(self.name)
        window = f"{format_duration(since_s)}, since the monitor began" if is_younger else self.name
        return f"Monitor: {visits} visits, throughput over {window}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Executions, errors, latency percentiles, last execution and throughput per node."""
        return traffic_frame(self.records)

    @cached_property
    def recent(self) -> pd.DataFrame:
        """Visits a second per node over the window: `node, graph, at_s, per_s`."""
        return recent_frame(self.records)

    @property
    def table(self) -> TextTable:
        """The frame as text."""
        return traffic_table(self.frame)

    def _figure(self) -> Figure:
        from pocket_lab.view.plots.traffic import traffic_figure

        return traffic_figure(self.frame, self.recent)

    def _draw(self, ax: Axes) -> None:
        from pocket_lab.view.plots.traffic import plot_latencies

        plot_latencies(ax, self.frame)


class Monitor:
    """Watches graphs while they are in use: executions, errors, latency percentiles, last execution, throughput per node.

        monitor = Monitor()
        graph = monitor.watch(graph)
        graph.run(x)
        monitor                     # a table and a picture; %pocket_monitor monitor shows them live

    Args:
        window: the time over which throughput is counted, in seconds or as a text such as "1m": the visits that ended within
            it divided by its length, exact to a sixtieth of the window.

    It may watch several graphs, from any number of threads, and receives what worker processes count when their results
    arrive. It holds a few KiB per node and thread, however long it watches. A visit that fails counts as an execution and as
    an error, a cancelled one too. A visit that returns a generator ends with it, and has its work. Percentiles are of all
    visits since the beginning (or `reset`), within 1 %.
    Raises UsageError for an invalid window.
    """

    lazy_results = "timed"  # as an observer

    def __init__(self, window: float | str = "1m") -> None:
        window_s = parse_option("window", parse_duration, window, "1m")
        if window_s <= 0:
            raise UsageError(f"window={window!r} must be a positive duration; write for example 1m")
        self._window = f"{window_s:g} s"
        self._traffic = Traffic(window_s)
        self._watched: WeakKeyDictionary[Graph, Graph] = WeakKeyDictionary()

    def watch(self, graph: Graph | Node) -> Graph:
        """A graph of the same nodes on the same store, whose runs this monitor counts; raises UsageError for no graph."""
        if isinstance(graph, Node):
            graph = Graph(graph, name=graph.name)
        if not isinstance(graph, Graph):
            raise UsageError(f"{graph!r} cannot be watched: give a Graph or a Node")
        if self in graph.observers:
            return graph
        watched = graph.observed(self)
        self._watched[watched] = graph
        return watched

    def unwatch(self, graph: Graph) -> Graph:
        """The graph that `watch` was given for this one; raises UsageError for a graph that it did not make."""
        if graph not in self._watched:
            raise UsageError(f"{graph!r} is not what this monitor's watch() returned")
        return self._watched[graph]

    def begin(self, run: Run) -> Sink:
        """As an observer, where the events of a run go (`Graph(..., observers=[monitor])` does the same as `watch`)."""
        return self._traffic.begin(run)

    def reset(self) -> None:
        """Forget all counts and start again."""
        self._traffic.reset()

    def read(self) -> MonitorSnapshot:
        """The current counts, as a result that does not change later."""
        return MonitorSnapshot(self._window, tuple(map(valid_record, self._traffic.records())))

    def to_html(self) -> str:
        """The table as an HTML fragment, without the picture, which is slow to draw."""
        reading = self.read()
        return str(page.fragment(reading.title, [reading.table.to_html()]))

    @property
    def frame(self) -> pd.DataFrame:
        """One row per node, now: `node, executions, errors, error_rate, p50_s, p95_s, p99_s, mean_s, last_at, ...`."""
        return self.read().frame

    @property
    def table(self) -> TextTable:
        """The frame as text."""
        return self.read().table

    def plot(self, ax: Axes | None = None) -> Figure:
        """Latencies per node and throughput over the window as a new figure, or the latencies on the given axes."""
        return self.read().plot(ax)

    def __str__(self) -> str:
        return str(self.read())

    def __repr__(self) -> str:
        frame = self.frame
        return f"<Monitor of {len(frame)} nodes, {frame['executions'].sum()} visits>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return self.read()._repr_mimebundle_()


def watch_name(names: dict[str, Any], name: str, target: Any, window: float | str | None, stop: bool = False) -> Monitor:
    """The monitor of a variable: the Monitor that it holds, or that of the graph in it, which is watched from now on.

    A graph that is not watched yet is replaced by the watched one under its name; `stop` restores the old one. Raises
    UsageError for any other target, for a graph without a name, and for a window of a monitor that has one.
    """
    if isinstance(target, Monitor):
        if window is not None:
            raise UsageError(f"{name} has a window of its own; leave out the window")
        return target
    observers = target.observers if isinstance(target, Graph) else ()
    found = next((observer for observer in observers if isinstance(observer, Monitor)), None)
    if found is None and stop:
        raise UsageError(f"{name} is not watched: there is nothing to stop")
    if found is not None and window is not None:
        raise UsageError(f"{name} is watched already, over a window of its own; leave out the window")
    if name not in names or names[name] is not target:
        raise UsageError(f"{name} is not a variable of this notebook that can hold the watched graph: give the graph a name")
    if found is None:
        found = Monitor() if window is None else Monitor(window)
        names[name] = found.watch(target)
    elif stop:
        names[name] = found.unwatch(target)
    return found
