"""trace: which node ran when on which worker, and what the run waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd

from pocket_lab.analysis.critical_path import critical_path, node_slack
from pocket_lab.analysis.overhead import Overhead, overhead
from pocket_lab.analysis.timeline import Timeline, timeline
from pocket_lab.analysis.what_if import WhatIf, what_if
from pocket_lab.errors import UsageError
from pocket_lab.frames.spans import PHASES, by_point, spans_frame, traced_nodes_frame
from pocket_lab.lab.options.keywords import TraceOptions
from pocket_lab.lab.options.request import parse_request
from pocket_lab.lab.options.signature import takes_options
from pocket_lab.lab.profile_verb import ProfileVerb
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.measure.job import Job
from pocket_lab.measure.supervisor import Task
from pocket_lab.profile.trace.instrument import profile_spans
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.progress import Failure
from pocket_lab.records.record import Record
from pocket_lab.records.spans import Traced
from pocket_lab.sharing.exchange.chrome import save_chrome
from pocket_lab.view.findings.trace import (
    cost_sentence,
    gain_sentences,
    overhead_sentence,
    path_sentence,
    replay_caveats,
    what_if_sentence,
)
from pocket_lab.view.text.nodes_table import nodes_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class NodeGain(WhatIf):
    """A WhatIf that prints as a sentence."""

    def __str__(self) -> str:
        return what_if_sentence(self)


class Trace(Result):
    """The result of `trace`: `.frame` has a row per span, `.nodes` one per node, `.plot()` draws who ran when.

    The findings (`.critical_path`, `.what_if`, `.overhead`) and the picture are of the last point; `.at(size=...)` is the
    trace of another one. Of a run that failed there are the spans until then: slack and what-if are not known.
    """

    @property
    def title(self) -> str:
        """The target's name, and that of the run."""
        return f"Trace of {self._names}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per Span, in seconds since its point's run began; `self_s` is without the spans inside it."""
        return spans_frame(self.records)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """One row per node: calls, seconds of its own and their share, the parts by phase, waits of its items, errors, slack.

        `wall_s` of a fan-out, or of a graph in a graph, is the time in which nothing inside it ran. `slack_s` is how much
        longer the node could take before the run would, 0 on the critical path; under "load", for the slowest request, and
        NaN for a node that it has not. It is NaN where that run or request failed.
        """
        frame = traced_nodes_frame(self.records)
        slack: list[float] = []
        for (traced, _), rows in zip(by_point(self.records), self._by_point, strict=True):
            whole = _focus(rows, traced.point)
            found = {} if self._has_failed(traced.point, whole) else node_slack(timeline(whole))
            slack += [found.get(node, float("nan")) for node in dict.fromkeys(rows["node"])]
        frame.insert(list(frame.columns).index("errors"), "slack_s", slack)
        return frame

    @cached_property
    def phases(self) -> pd.DataFrame:
        """One row per phase of the last point: spans, seconds of their own, their share of the time of all but the queue."""
        spans = self._spans
        rows = spans.groupby("phase")["self_s"].agg(["size", "sum"]).reindex([p for p in PHASES if p in set(spans["phase"])])
        frame = rows.rename(columns={"size": "spans", "sum": "wall_s"}).reset_index()
        total_s = float(frame.loc[frame["phase"] != "queue", "wall_s"].sum())
        frame["share"] = frame["wall_s"].where(frame["phase"] != "queue") / total_s if total_s else 0.0
        return frame

    @cached_property
    def critical_path(self) -> pd.DataFrame:
        """The spans that the end of the run (under "load", of the slowest request) waited for; `share` is of its time.

        A run that failed ends where it failed.
        """
        if self._spans.empty:
            return critical_path(self._timeline, 0.0)
        if self._traced.point.drive != "load":
            return critical_path(self._timeline, self._traced.wall_s)
        slowest = _focus(self._spans, self._traced.point)
        return critical_path(timeline(slowest), float(slowest["end_s"].max() - slowest["start_s"].min()))

    @cached_property
    def overhead(self) -> Overhead:
        """The time in which no function of a node was at work: the runtime's own, without what the recording took."""
        traced = self._traced
        return overhead(self._timeline, traced.wall_s, traced.visits, traced.outside_s, drive=traced.point.drive)

    def what_if(self, node: str, speedup: float = 2.0) -> NodeGain:
        """What the run would gain if the node were so many times as fast, by a replay of its schedule.

        A node may be named by a path such as "each page/score", too. Raises UsageError for a node that is not there, and
        where the run failed: what would have come after is not known.
        """
        traced = self._traced
        if self._is_failed(traced.point):
            raise UsageError(
                f"the run at {describe(traced.point)} failed, so that what a faster {node} would gain is not known: trace one "
                "that succeeds"
            )
        return NodeGain(*astuple(what_if(self._timeline, node, float(speedup), traced.wall_s, drive=traced.point.drive)))

    def at(self, size: int | None = None, workers: int | None = None, executor: str | None = None) -> Trace:
        """The trace of the points with this size, worker count and executor; raises UsageError where there is none."""
        wanted = {
            name: value for name, value in (("size", size), ("workers", workers), ("executor", executor)) if value is not None
        }
        points = [traced.point for traced, _ in by_point(self.records)]
        kept = {point for point in points if all(getattr(point, name) == value for name, value in wanted.items())}
        if not kept:
            there = "; ".join(describe(point) for point in points)
            raise UsageError(
                f"nothing was traced at {', '.join(f'{name}={value}' for name, value in wanted.items())}; there is {there}"
            )
        return Trace(
            self.name, [record for record in self.records if getattr(record, "point", None) in (None, *kept)], self.run
        )

    def save_chrome(self, path: str | Path) -> Path:
        """Write the spans for chrome://tracing or ui.perfetto.dev; the path, or a UsageError where it cannot be written."""
        return save_chrome(path, self.frame, self.name)

    @property
    def table(self) -> TextTable:
        """The nodes as text."""
        return nodes_table(self.nodes)

    @cached_property
    def findings(self) -> list[str]:
        """The critical path, what pays, the runtime's own time and the instrument's, of the last point in words."""
        if self._spans.empty:
            return []
        traced, path = self._traced, self.critical_path
        is_failed = self._is_failed(traced.point)
        where = f"At {describe(traced.point)}: " if len(self._by_point) > 1 else ""
        sentences = [
            path_sentence(
                path, traced.point.drive, has_failed=self._has_failed(traced.point, _focus(self._spans, traced.point))
            ),
            *([] if is_failed else gain_sentences(self.what_if(node) for node in dict.fromkeys(path["node"]))),
            overhead_sentence(self.overhead, traced.point.drive, has_failed=is_failed),
            cost_sentence(traced),
        ]
        return [f"{where}{sentence}" for sentence in sentences]

    @cached_property
    def caveats(self) -> list[Caveat]:
        """Caveats noted during the run, and that of a replay that deviates from it."""
        if self._spans.empty or self._is_failed(self._traced.point):
            return super().caveats
        return super().caveats + replay_caveats(self.what_if(self._spans["node"].iloc[0], 1.0))

    @cached_property
    def _by_point(self) -> list[pd.DataFrame]:
        """The rows of the frame for each point."""
        ends, start = [], 0
        for _, spans in by_point(self.records):
            ends.append(self.frame.iloc[start : start + len(spans)])
            start += len(spans)
        return ends

    @cached_property
    def _traced(self) -> Traced:
        found = [traced for traced, _ in by_point(self.records)]
        if not found:
            raise UsageError(f"nothing of {self.name} was traced")
        return found[-1]

    @property
    def _spans(self) -> pd.DataFrame:
        return self._by_point[-1] if self._by_point else self.frame

    @cached_property
    def _timeline(self) -> Timeline:
        return timeline(self._spans)

    def _figure(self) -> Figure:
        from pocket_lab.view.plots.gantt import gantt_figure  # here, as matplotlib is slow to load

        return gantt_figure(self._spans, self.critical_path, self._plot_title)

    def _draw(self, ax: Axes) -> None:
        from pocket_lab.view.plots.gantt import plot_gantt

        plot_gantt(ax, self._spans, self.critical_path, self._plot_title)

    @property
    def _plot_title(self) -> str:
        if not self._by_point:
            return "Nothing was traced"
        until = " until it failed" if self._is_failed(self._traced.point) else ""
        return f"Who ran when{until}: {describe(self._traced.point)}"

    def _is_failed(self, point: Point) -> bool:
        """Whether the run of the point ended in an error; a window of requests does not."""
        return any(isinstance(record, Failure) and record.point == point for record in self.records)

    def _has_failed(self, point: Point, spans: pd.DataFrame) -> bool:
        """Whether the run, or the request, to which these spans belong ended in an error."""
        return self._is_failed(point) or (point.drive == "load" and _ends_failed(spans))


def _focus(spans: pd.DataFrame, point: Point) -> pd.DataFrame:
    """The spans of the run; under "load" those of the slowest request."""
    if point.drive != "load" or spans.empty:
        return spans
    runs = spans.groupby("run").agg({"start_s": "min", "end_s": "max"})
    return spans[spans["run"] == (runs["end_s"] - runs["start_s"]).idxmax()]


def _ends_failed(spans: pd.DataFrame) -> bool:
    """Whether the last of the outermost spans of a request failed."""
    outermost = spans[spans["parent"].isna() & (spans["phase"] != "queue")]
    return list(outermost.sort_values("end_s", kind="stable")["outcome"])[-1:] == ["failed"]


@dataclass(frozen=True, slots=True)
class _Own:
    """The options of `trace` alone."""

    chrome: Path | None


def _prepare(job: Job, own: _Own) -> tuple[Task, Sequence[Record]]:
    return profile_spans, ()


TRACE = ProfileVerb("trace", _Own, Trace, _prepare)


@interruptible
@takes_options
def trace(target: Any, **options: Unpack[TraceOptions]) -> Trace:
    """Record which node ran when on which worker in one run of each point (under "load", a window), in a separate process.

    Of a run shorter than half a second, and of a window, the second one is recorded: the first is a warm-up.

    Args:
        target: what to profile.
        {options}

    Raises the target's own error where no point could be traced (`pocket_lab.last()` has the spans until then),
    DeadlineExceeded, or UsageError.
    """
    request = parse_request(TRACE.name, TRACE.own, options)
    result = TRACE.profile(target, request)
    if request.own.chrome is not None:
        result.save_chrome(request.own.chrome)
    return result
