"""The advice of a bench in a sentence."""

from __future__ import annotations

from pocket_lab.analysis.advice import Advice, Undecided
from pocket_lab.analysis.reasons import Candidate, Kind, Reason
from pocket_lab.units import format_count, format_percent
from pocket_lab.view.text.bench_table import format_speedup
from pocket_lab.view.text.point_cells import params_words


def advice_sentence(advised: Advice | Undecided) -> str:
    """How many workers to use, and why; or between which of them the data cannot tell."""
    size = [] if advised.size is None else [f"size {format_count(advised.size)}"]
    params = [params_words(advised.params)] if advised.params else []
    where = f" at {', '.join([*size, *params])}" if size or params else ""
    if isinstance(advised, Undecided):
        return f"Advice{where}: cannot tell whether {_undecided(advised)}; {advised.remedy}, or measure on a quieter machine."
    chosen = advised.chosen
    gain = f", {_gain(chosen)} the throughput of {chosen.base_workers}" if chosen.has_gain else ""
    partial = " (of the points that have an interval)" if advised.is_partial else ""
    why = advice_reason(advised)
    return f"Advice{where}: {_workers(chosen)}{gain}{partial}.{f' Why: {why}.' if why else ''}"


def advice_reason(advice: Advice) -> str:
    """The reasons in words, separated by semicolons; "" where the cause is not known."""
    return "; ".join(_reason(reason, advice) for reason in advice.reasons)


def _reason(reason: Reason, advice: Advice) -> str:
    first, last = reason.points[0], reason.points[-1]
    match reason.kind:
        case Kind.WAITS:
            return f"one worker waits {format_percent(first.waits)} of its time, in which others can run"
        case Kind.CORES:
            return f"{_load(first)}, and {last.workers} {_workers_of(last)} use more cores"
        case Kind.LOCK:
            is_said = any(other.kind is Kind.CORES for other in advice.reasons)
            share = "since they share" if reason.is_proven else "perhaps since they share"
            load = "" if is_said else f"{_load(first)}, and "
            return f"{load}more threads gain nothing worth having ({_point(last)}: {_gain(last)}), {share} the interpreter lock"
        case Kind.QUEUED:
            return f"the workers of {_point(last)} wait for a core {format_percent(last.queued)} of the time"
        case Kind.NO_GAIN:
            return f"{_point(last)} reaches {_gain(last)} its throughput"
        case Kind.SLOWER:
            agrees = last.throughput_per_s < first.throughput_per_s  # medians of a drifting machine may not
            return f"{last.executor} is slower" + (f" ({_rate(last)} a second at best, not {_rate(first)})" if agrees else "")
        case Kind.NO_FASTER:
            return f"{last.executor} is at most 5 % faster"


def _undecided(advised: Undecided) -> str:
    candidate, rival = advised.candidate, advised.rival
    reach = "reaches" if candidate.workers == 1 else "reach"
    near = "; no other is over 10 % faster" if advised.is_near else ""
    is_base = rival.executor == candidate.executor and rival.has_gain and candidate.workers == rival.base_workers
    gain = f" ({_point(rival)} reaches {_gain(rival)} of it)" if is_base else ""
    return f"{_workers(candidate)} {reach} 95 % of the throughput of {_workers(rival)}{gain}{near}"


def _workers(one: Candidate) -> str:
    return f"{one.workers} worker{'' if one.workers == 1 else 's'} on {one.executor}"


def _workers_of(one: Candidate) -> str:
    return one.executor if one.executor in ("threads", "processes") else "workers"


def _point(one: Candidate) -> str:
    return f"{one.executor} x {one.workers}"


def _gain(one: Candidate) -> str:
    return format_speedup(one.speedup, one.low, one.high)


def _rate(one: Candidate) -> str:
    return format_count(one.throughput_per_s)


def _load(one: Candidate) -> str:
    """How busy one worker that is CPU-bound keeps a core."""
    if one.busy >= 1:
        return "one worker keeps a core busy"
    if one.busy >= 0.8:
        return f"one worker keeps a core {format_percent(one.busy)} busy"
    return f"one worker waits only {format_percent(one.waits)} of its time"
