"""Source code as heat: each line with its hits and time, the background as strong as its share."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from pocket_lab.units import format_count, format_duration, format_percent
from pocket_lab.view.text.table import shorten


def heat_html(frame: pd.DataFrame) -> str:
    """One block per node, in the order of the nodes' total time."""
    if frame.empty:
        return "<p>No lines were profiled.</p>"
    totals = frame.groupby("node", sort=False)["time_s"].sum().sort_values(ascending=False)
    hottest = max(float(frame["share"].max()), 1e-9)
    return "".join(_block(str(node), frame[frame["node"] == node], hottest) for node in totals.index)


def _block(node: str, rows: pd.DataFrame, hottest: float) -> str:
    body = "".join(_row(row, hottest) for row in rows.to_dict("records"))
    head = f"{escape(shorten(node))} · {format_duration(rows['time_s'].sum())} · {format_percent(rows['share'].sum())}"
    return (
        f'<h4>{head}</h4><table class="heat"><thead><tr><th class="r">line</th><th class="r">hits</th>'
        f'<th class="r">time</th><th class="r">share</th><th class="l">source</th></tr></thead><tbody>{body}</tbody></table>'
    )


def _row(row: dict[Any, Any], hottest: float) -> str:
    share = float(row["share"])
    strength = 0.55 * (share / hottest) ** 0.5
    hits = int(row["hits"])
    cells = (
        (str(row["line"]), format_count(hits), format_duration(float(row["time_s"])), format_percent(share))
        if hits
        else (str(row["line"]), "", "", "")
    )
    numbers = "".join(f'<td class="r">{cell}</td>' for cell in cells)
    return (
        f'<tr style="background:rgba(213,94,0,{strength:.3f})">{numbers}'
        f'<td class="l"><code>{escape(str(row["source"])) or " "}</code></td></tr>'
    )
