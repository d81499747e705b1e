"""What a bench has found, and what of it is in doubt, in sentences."""

from __future__ import annotations

import pandas as pd

from pocket_lab.analysis.advice import Advice
from pocket_lab.analysis.growth import CANNOT_TELL, Growth
from pocket_lab.analysis.noise import Noise
from pocket_lab.records.environment import Environment
from pocket_lab.records.point import Point, describe
from pocket_lab.stats.median_interval import FEWEST, FEWEST_TO_STOP
from pocket_lab.units import format_percent
from pocket_lab.view.text.table import shorten

MANY_OUTLIERS = 0.05
_MOST_TOLD = 3


def growth_sentence(growth: Growth, what: str = "time") -> str:
    """The law by which it grows, or why that cannot be told."""
    low, high = growth.interval
    slope = f"; log-log slope {growth.exponent:.2f} [{low:.2f}, {high:.2f}]" if growth.exponent == growth.exponent else ""
    if growth.law == CANNOT_TELL:
        of_what = "" if what == "time" else f" of {what}"
        return f"Growth{of_what}: cannot tell ({growth.reason}){slope}."
    name = f"n^{growth.exponent:.2f}" if growth.law == "power" else growth.law
    return f"Growth: {what} grows like {name} ({format_percent(growth.probability)} of bootstrap replicates){slope}."


def advice_sentence(advice: Advice) -> str:
    """How many workers to use, and why."""
    plural = "" if advice.workers == 1 else "s"
    doubt = "" if advice.certain else ", though the intervals overlap"
    gain = f", {advice.speedup:.2f}x the best single worker{doubt}" if advice.speedup > 1 else ""
    return f"Advice: {advice.workers} worker{plural} on {advice.executor}{gain}. Why: {advice.reason}."


def noise_sentence(noise: Noise, point: Point, frame: pd.DataFrame) -> str:
    """The A/A comparison; `frame` tells whether its point was the quickest, which its first batches had promised."""
    low, high = ((end - 1) * 100 for end in (noise.low, noise.high))
    quickest = frame.sort_values("wall_s").iloc[0]
    size = None if pd.isna(quickest["size"]) else int(quickest["size"])
    is_it = (size, quickest["workers"], quickest["executor"]) == (point.size, point.workers, point.executor)
    which = "the quickest point, " if is_it and len(frame) > 1 else ""
    return (
        f"Noise floor {format_percent(noise.floor)}: {describe(point)}, {which}was built twice and measured in "
        f"turns, and differs from itself by {(noise.ratio - 1) * 100:+.1f} % ({low:+.1f} … {high:+.1f} %)."
    )


def metric_sentences(metrics: pd.DataFrame) -> list[str]:
    """The metrics of the last point, the largest one as a rule."""
    if metrics.empty:
        return []
    last = metrics.groupby(["node", "name"], sort=False).tail(1)
    texts = [
        f"{row['name']} of {row['node']} {row['value']:.4g}{'' if row['unit'] == '1' else ' ' + row['unit']}"
        for row in last.to_dict("records")
    ]
    return [f"Metrics at the last point: {', '.join(texts)} (all of them in .metrics)."]


def node_sentences(nodes: pd.DataFrame) -> list[str]:
    """The nodes that take most at one of the largest points that were traced."""
    nodes = nodes[nodes["share"].notna()]
    if nodes["node"].nunique() < 2:
        return []
    by_size = nodes.sort_values("size", kind="stable")
    _, last = list(by_size.groupby(["size", "workers", "executor"], dropna=False, sort=False))[-1]
    dearest = last.sort_values("share", ascending=False).head(_MOST_TOLD)
    texts = [f"{shorten(row['node'])} {format_percent(row['share'])}" for row in dearest.to_dict("records")]
    row = last.iloc[-1]
    where = describe(
        Point("", None if pd.isna(row["size"]) else int(row["size"]), row["workers"], row["executor"], row["drive"])
    )
    return [f"Nodes, from a run of their own with spans at {where}: {', '.join(texts)} of their time (all of them in .nodes)."]


def doubts(frame: pd.DataFrame, environment: Environment | None) -> list[str]:
    """What the rows of a bench leave in doubt."""
    texts = []
    few = int(((frame["rounds"] < FEWEST) & (frame["status"] != "failed")).sum())
    if few:
        texts.append(f"{few} of {len(frame)} points have fewer than {FEWEST} samples and so no interval: raise the budget")
    thin = int(((frame["rounds"] >= FEWEST) & (frame["rounds"] < FEWEST_TO_STOP) & (frame["status"] == "budget")).sum())
    if thin:
        texts.append(
            f"{thin} of {len(frame)} points have fewer than {FEWEST_TO_STOP} samples: their intervals may be too narrow"
        )
    wide = int(((frame["status"] == "budget") & (frame["rounds"] >= FEWEST)).sum())
    if wide:
        texts.append(f"the budget ended before {wide} of {len(frame)} points reached the precision asked for")
    if environment is not None and int(frame["workers"].max()) > environment.cores:
        texts.append(f"more workers than the {environment.cores} cores that the measuring process may use")
    return texts


def outlier_doubts(samples: pd.DataFrame) -> list[str]:
    """How many of the batches are far from the others, where they are many."""
    counted = samples[samples["kind"].isin(["usual", "mild", "severe"])]
    severe = int((counted["kind"] == "severe").sum())
    if severe < MANY_OUTLIERS * len(counted) or not severe:
        return []
    return [f"{severe} of {len(counted)} batches are severe outliers: they are kept, and the median hardly feels them"]


def describe_environment(environment: Environment | None) -> str:
    """Where and how something was measured, in words; "" where that is not known."""
    if environment is None:
        return ""
    more = [
        f"a CPU quota of {environment.cpu_quota:g} cores" if environment.cpu_quota is not None else "",
        f"governor {environment.governor}" if environment.governor else "",
        f"git revision {environment.revision}" if environment.revision else "",
        f"garbage collection {environment.gc}" if environment.gc else "",
    ]
    where = f"Python {environment.python}, {environment.platform}, {environment.processor}, {environment.cores} cores"
    return ", ".join([where, f"load {environment.load_1m:.2f} at the start", *filter(None, more)])
