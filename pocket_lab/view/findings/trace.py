"""The findings of a trace in sentences."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pocket_lab.analysis.overhead import Overhead
from pocket_lab.analysis.what_if import WhatIf
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.spans import Traced
from pocket_lab.units import format_count, format_duration, format_percent
from pocket_lab.view.text.table import shorten

_MOST_NODES, _SMALLEST_GAIN = 3, 0.005
_LARGEST_DEVIATION = 0.1
_MOST_OF_IT = 0.9


def path_sentence(path: pd.DataFrame, drive: str, *, has_failed: bool = False) -> str:
    """The length of the critical path and its most expensive nodes; of what failed, of the time until then."""
    shares = path.groupby("node", sort=False)["share"].sum().sort_values(ascending=False)
    nodes = ", ".join(f"{shorten(str(node))} {format_percent(share)}" for node, share in shares.head(_MOST_NODES).items())
    more = f" and {len(shares) - _MOST_NODES} more" if len(shares) > _MOST_NODES else ""
    whole = ("the slowest request" if drive == "load" else "the run") + (" until it failed" if has_failed else "")
    spans = "1 span" if len(path) == 1 else f"{format_count(len(path))} spans"
    share = float(path["share"].sum())
    rest = "; in the rest it waits for workers, for data or for the runtime" if share < _MOST_OF_IT else ""
    return f"Critical path: {spans}, {format_percent(share)} of {whole}: {nodes}{more}{rest}."


def what_if_sentence(change: WhatIf) -> str:
    """What the run would gain if one node were faster."""
    times = "twice" if change.speedup == 2 else f"{change.speedup:g} times"
    verb = "gains" if change.gain >= 0 else "loses"
    return f"`{shorten(change.node)}` {times} as fast: {change.gainer} {verb} {format_percent(abs(change.gain))}"


def gain_sentences(changes: Iterable[WhatIf]) -> list[str]:
    """The nodes that gain most, in one sentence; none if no gain is worth mentioning."""
    ordered = sorted(changes, key=lambda change: -change.gain)
    texts = [what_if_sentence(change) for change in ordered if change.gain > _SMALLEST_GAIN][:_MOST_NODES]
    return [f"What if: {'; '.join(texts)}."] if texts else []


def overhead_sentence(overhead: Overhead, drive: str, *, has_failed: bool = False) -> str:
    """The time in which no node is at work."""
    whole = "the requests" if drive == "load" else "the run until it failed" if has_failed else "the run"
    return f"Runtime: no node is at work in {format_duration(overhead.seconds)}, {format_percent(overhead.share)} of {whole}."


def cost_sentence(traced: Traced) -> str:
    """What recording the spans cost."""
    each_s = traced.inside_s + traced.outside_s
    visits = f"{format_count(traced.visits)} {'visit' if traced.visits == 1 else 'visits'}"
    cost = f"{visits} at {format_duration(each_s)}, {format_duration(each_s * traced.visits)} in all"
    return f"Instrument: {cost}, calibrated in the same process and subtracted."


def replay_caveats(replay: WhatIf) -> list[Caveat]:
    """The caveat of a replay, without a change, whose time deviates from the run by more than 10 %."""
    if abs(replay.before_s / replay.measured_s - 1) <= _LARGEST_DEVIATION:
        return []
    times = f"{format_duration(replay.before_s)} instead of {format_duration(replay.measured_s)}"
    return [Caveat("replay", f"the replay behind what-if takes {times}: its gains are rough")]
