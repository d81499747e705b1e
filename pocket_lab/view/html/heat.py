"""Source code as a heat map: each line with its hits and time, its background as strong as its share."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.units import format_count, format_duration, format_percent
from pocket_lab.view.text.table import shorten

_HEAD = Markup(
    '<thead><tr><th class="r">line</th><th class="r">hits</th><th class="r">time</th><th class="r">share</th>'
    '<th class="l">source</th></tr></thead>'
)


def heat_html(frame: pd.DataFrame) -> Markup:
    """A block per node, the node with the most time first."""
    if frame.empty:
        return Markup("<p>No lines were profiled.</p>")
    totals = frame.groupby("node", sort=False)["time_s"].sum().sort_values(ascending=False)
    hottest = max(float(frame["share"].max()), 1e-9)
    return Markup("").join(_block(str(node), frame[frame["node"] == node], hottest) for node in totals.index)


def _block(node: str, rows: pd.DataFrame, hottest: float) -> Markup:
    body = Markup("").join(_row(row, hottest) for row in rows.to_dict("records"))
    totals = format_duration(rows["time_s"].sum()), format_percent(rows["share"].sum())
    block = Markup('<h4>{} · {} · {}</h4><table class="heat">{}<tbody>{}</tbody></table>')
    return block.format(shorten(node), *totals, _HEAD, body)


def _row(row: dict[Any, Any], hottest: float) -> Markup:
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
    return line.format(strength, numbers, str(row["source"]) or " ")
