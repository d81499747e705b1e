"""Source code as a heat map: each line with its hits and time, its background as strong as its share."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.records.sources import CALLERS
from pocket_lab.units import format_count, format_duration, format_percent
from pocket_lab.view.text.table import shorten

_HEADING = Markup('<tr><th class="l" colspan="5">{}{}</th></tr>')
_HEAD = Markup(
    '<thead><tr><th class="r">line</th><th class="r">hits</th><th class="r">time</th><th class="r">share</th>'
    '<th class="l">source</th></tr></thead>'
)


def heat_html(frame: pd.DataFrame) -> Markup:
    """A block per node, the node with the most time first; its total is that of its outermost functions.

    A helper has no share in its total: its functions may call each other, and the time is in the lines of its callers.
    """
    if frame.empty:
        return Markup("<p>No lines were profiled.</p>")
    outermost = frame[frame["inside"].isin(["", CALLERS])]
    totals = outermost.groupby("node", sort=False)[["time_s", "share"]].sum()
    nodes = totals.reindex(frame["node"].unique(), fill_value=0.0).sort_values("time_s", ascending=False)
    hottest = max(float(frame["share"].max()), 1e-9)
    blocks = (_block(str(node), frame[frame["node"] == node], total, hottest) for node, total in nodes.iterrows())
    return Markup("").join(blocks)


def _block(node: str, rows: pd.DataFrame, total: pd.Series[float], hottest: float) -> Markup:
    body = Markup("")
    file, line = rows.iloc[0][["file", "line"]]
    is_same_line = False
    for row in rows.to_dict("records"):
        if row["file"] != file or not line <= row["line"] <= line + 1:  # another function begins
            caller = "" if row["inside"] in ("", CALLERS) else f", called by {row['inside']}"
            body += _HEADING.format(row["function"], caller)
            is_same_line = False
        body += _row(row, hottest, is_same_line and row["line"] == line)
        file, line, is_same_line = row["file"], row["line"], True
    is_helper = (rows["inside"] == CALLERS).any()
    share = "within its callers" if is_helper else format_percent(float(total["share"]))
    figures = format_duration(float(total["time_s"])), share
    block = Markup('<h4>{} · {} · {}</h4><table class="heat">{}<tbody>{}</tbody></table>')
    return block.format(shorten(node), *figures, _HEAD, body)


def _row(row: dict[Any, Any], hottest: float, is_same_line: bool) -> Markup:
    share = float(row["share"])
    strength = 0.55 * (share / hottest) ** 0.5
    hits = int(row["hits"])
    cells = (
        (str(row["line"]), format_count(hits), format_duration(float(row["time_s"])), format_percent(share))
        if hits
        else (str(row["line"]), "", "", "")
    )
    numbers = Markup("").join(Markup('<td class="r">{}</td>').format(cell) for cell in cells)
    line = Markup('<tr style="background:rgba(213,94,0,{:.3f})">{}<td class="l"><code>{}</code></td></tr>')
    source = f"  in {row['function']}" if is_same_line else str(row["source"]) or " "
    return line.format(strength, numbers, source)
