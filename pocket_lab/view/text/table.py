"""Frames as tables of text, for a terminal and for a page alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from pocket_lab.frames.calls import own_times
from pocket_lab.units import format_count, format_duration, format_interval, format_percent
from pocket_lab.view.points import Cell, location_cells

_MOST_ROWS = 40
_LONGEST_NAME = 48


@dataclass(frozen=True, slots=True)
class TextTable:
    """Headers and rows of text; columns named in `left` stand left, the others right; `more` rows were left out."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str] = frozenset()
    more: int = 0

    def to_text(self) -> str:
        """Plain text with columns padded to their width."""
        lines = [self.headers, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headers))]
        padded = [
            "  ".join(
                cell.ljust(width) if header in self.left else cell.rjust(width)
                for cell, width, header in zip(line, widths, self.headers, strict=True)
            ).rstrip()
            for line in lines
        ]
        padded.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(padded + ([self._ellipsis()] if self.more else []))

    def to_html(self) -> str:
        """An HTML table."""
        sides = ["l" if header in self.left else "r" for header in self.headers]
        head = "".join(f'<th class="{side}">{escape(text)}</th>' for side, text in zip(sides, self.headers, strict=True))
        body = "".join(
            "<tr>" + "".join(f'<td class="{side}">{escape(cell)}</td>' for side, cell in zip(sides, row, strict=True)) + "</tr>"
            for row in self.rows
        )
        foot = f'<tr><td class="l" colspan="{len(self.headers)}">{self._ellipsis()}</td></tr>' if self.more else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}{foot}</tbody></table>"

    def _ellipsis(self) -> str:
        return f"... {self.more} more rows stand in .frame"


def bench_table(frame: pd.DataFrame) -> TextTable:
    """Size x workers with the median time and its interval, throughput and speed-up; the first 40 rows.

    Under load the percentiles of the latency too; errors where there are any.
    """
    columns: dict[str, Cell] = {
        "size": lambda row: "–" if pd.isna(row["size"]) else format_count(row["size"]),
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
        "time": lambda row: format_duration(row["wall_s"]),
        "95 % interval": lambda row: format_interval(row["wall_low_s"], row["wall_high_s"]),
        "p95": lambda row: format_duration(row["p95_s"]),
        "p99": lambda row: format_duration(row["p99_s"]),
        "per s": lambda row: format_count(row["throughput_per_s"]),
        "speed-up": lambda row: "–" if pd.isna(row["speedup"]) else f"{row['speedup']:.2f}x",
        "errors": lambda row: format_count(row["errors"]),
        "rounds": lambda row: str(row["rounds"]),
        "status": lambda row: str(row["status"]),
    }
    is_load = (frame["drive"] == "load").any()
    left_out = {*(() if is_load else ("p95", "p99")), *(() if frame["errors"].any() else ("errors",))}
    shown = {header: cell for header, cell in columns.items() if header not in left_out}
    return cells_table(frame, shown, frozenset({"executor", "status"}))


def comparison_table(frame: pd.DataFrame, means: Mapping[str, float] | None = None) -> TextTable:
    """A row per pair: the change with its interval, the verdict and the clock behind it; the first 40 rows.

    `means` are those of the ratios, shown as a last row where there are any.
    """
    headers = ("size", "executor", "workers", "change", "99 % interval", "verdict", "basis", "CPU", "wall", "blocks", "status")
    rows = tuple(
        (
            "–" if pd.isna(row["size"]) else format_count(row["size"]),
            str(row["executor"]),
            str(row["workers"]),
            _change(row["ratio"]),
            "–" if pd.isna(row["ratio_low"]) else f"{_change(row['ratio_low'])} … {_change(row['ratio_high'])}",
            str(row["verdict"]),
            str(row["basis"]),
            _change(row["cpu_ratio"]),
            _change(row["wall_ratio"]),
            str(row["blocks"]),
            str(row["status"]),
        )
        for row in frame.head(_MOST_ROWS).to_dict("records")
    )
    if means:
        changes = [_change(means[column]) for column in ("ratio", "cpu_ratio", "wall_ratio")]
        rows = (*rows, ("geomean", "", "", changes[0], "", "", "", changes[1], changes[2], "", ""))
    return TextTable(headers, rows, frozenset({"executor", "verdict", "basis", "status"}), max(len(frame) - _MOST_ROWS, 0))


def _change(ratio: float) -> str:
    return "–" if pd.isna(ratio) else f"{(ratio - 1) * 100:+.1f} %"


def history_table(frame: pd.DataFrame) -> TextTable:
    """The runs of the history, newest first, with the time of this machine's clock; the first 40 rows."""
    headers = ("run", "name", "verb", "begun", "took", "samples", "status", "tags")
    rows = tuple(
        (
            str(row["id"]),
            shorten(row["name"]),
            str(row["verb"]),
            row["started_at"].to_pydatetime().astimezone().strftime("%Y-%m-%d %H:%M"),
            format_duration(row["seconds"]),
            format_count(row["samples"]),
            str(row["status"]),
            shorten(row["tags"]),
        )
        for row in frame.head(_MOST_ROWS).to_dict("records")
    )
    return TextTable(headers, rows, frozenset({"name", "verb", "begun", "status", "tags"}), max(len(frame) - _MOST_ROWS, 0))


def lines_table(frame: pd.DataFrame) -> TextTable:
    """Cost per source line, the first 40 rows that were hit, dearest first, with their place where there are several."""
    hit = frame[frame["hits"] > 0].sort_values("time_s", ascending=False)
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "node": lambda row: shorten(row["node"]),
        "line": lambda row: str(row["line"]),
        "hits": lambda row: format_count(row["hits"]),
        "time": lambda row: format_duration(row["time_s"]),
        "share": lambda row: format_percent(row["share"]),
        "source": lambda row: str(row["source"]).strip()[:80],
    }
    return cells_table(hit, cells, frozenset({"executor", "node", "source"}))


def calls_table(frame: pd.DataFrame) -> TextTable:
    """Functions by their own time, summed over the places of the call tree in which they stand; the first 40."""
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "node": lambda row: shorten(row["node"]),
        "function": lambda row: shorten(row["function"].rsplit("<locals>.", 1)[-1]),
        "own time": lambda row: format_duration(row["self_s"]),
        "share": lambda row: format_percent(row["share"]),
        "where": lambda row: f"{Path(row['file']).name}:{row['line']}" if row["file"] else "",
    }
    return cells_table(own_times(frame), cells, frozenset({"executor", "node", "function", "where"}))


def cells_table(frame: pd.DataFrame, cells: Mapping[str, Cell], left: frozenset[str], most: int = _MOST_ROWS) -> TextTable:
    """The first rows of a frame, a column for each header with its cell."""
    rows = tuple(tuple(cell(row) for cell in cells.values()) for row in frame.head(most).to_dict("records"))
    return TextTable(tuple(cells), rows, left & set(cells), max(len(frame) - most, 0))


def shorten(name: str, longest: int = _LONGEST_NAME) -> str:
    """A long name with its middle left out."""
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"
