"""Parse and format quantities: "100ms", "1GiB", "2%", "10,100,1k", "2^4..2^12".

Inside the package everything is in seconds, bytes, counts and fractions; prefixes exist only here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import chain, islice
from operator import index
from typing import Any

from pocket_lab.errors import UsageError

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_COUNT_SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_COUNT = re.compile(r"(?:(?P<base>\d+)\^(?P<power>\d+)|(?P<number>-?\d+(?:\.\d+)?)(?P<suffix>[kMG]?))")
_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\d\s]*)")
_MOST_COUNTS, _MOST_LISTED = 1024, 10_000
_TOO_LARGE = 2**63
_MOST_DIGITS = 20


def parse_duration(value: float | str) -> float:
    """Seconds from a number of seconds or a text such as "100ms", "2s" or "5m"; raises UsageError."""
    return _parse_quantity(value, _SECONDS, "s", "a duration", "100ms, 30s or 5m")


def parse_fraction(value: float | str) -> float:
    """A fraction from a number (0.02) or a text ("2%", "0.02"); raises UsageError."""
    return _parse_quantity(value, {"%": 0.01, "": 1.0}, "", "a fraction", "2% or 0.02")


def _parse_quantity(value: float | str, units: dict[str, float], bare: str, what: str, like: str) -> float:
    number = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e300 else math.inf
    elif isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        unit = match["unit"] or bare
        if unit in units:
            number = float(match["number"]) * units[unit]
    if number is None or not math.isfinite(number) or number < 0:
        raise UsageError(f"{value!r} is not {what}; write for example {like}")
    return number


def parse_counts(value: int | str | Iterable[int], what: str, smallest: int = 0) -> tuple[int, ...]:
    """Distinct counts, in the order given, from a number, a list, or a text; raises UsageError.

    In a text, parts are separated by commas, and a part is a count ("10", "1k", "2^4") or a range "a..b": by powers of the
    base where both ends are powers ("2^4..2^12" is 16, 32, ..., 4096), by decades where an end has a suffix
    ("1k..1M" is 1k, 10k, 100k, 1M), else by ones ("1..16").
    """
    parts = (_parse_range(part.strip(), what) for part in value.split(",")) if isinstance(value, str) else [_listed(value)]
    counts = list(islice(chain.from_iterable(parts), _MOST_LISTED + 1))
    if len(counts) > _MOST_LISTED:
        raise UsageError(
            f"{what}: the list has more than {_MOST_LISTED:,} values; write a range of powers such as 2^4..2^12 or 1k..1M"
        )
    for count in counts:
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            raise UsageError(f"{what}: {count!r} is not a whole number")
        if count < smallest:
            raise UsageError(f"{what}: {count} is too small, the smallest that makes sense is {smallest}")
        if count >= _TOO_LARGE:
            raise UsageError(f"{what}: a count is below 2^63")
    if not counts:
        raise UsageError(f"{what}: the list is empty; write for example 10,100,1k")
    return tuple(dict.fromkeys(count.__index__() for count in counts))


def _listed(value: Any) -> Iterable[Any]:
    """The elements of an iterable, which may have no end, or one whole number, NumPy's included."""
    try:
        return [value if isinstance(value, bool) else index(value)]
    except TypeError:
        return value if isinstance(value, Iterable) else [value]


def _parse_range(part: str, what: str) -> list[int]:
    first, dots, last = (text.strip() for text in part.partition(".."))
    low = _parse_count(first, what)
    if not dots:
        return [low]
    high = _parse_count(last, what)
    if high < low:
        raise UsageError(f"{what}: the range {part} ends below its start")
    if "^" in first and "^" in last:
        base = int(first.split("^")[0])
        if base < 2 or int(last.split("^")[0]) != base:
            raise UsageError(f"{what}: both ends of {part} must be powers of one base of at least 2")
        return _geometric(low, high, base)
    if first[-1] in "kMG" or last[-1] in "kMG":
        return _geometric(max(low, 1), high, 10)
    if high - low >= _MOST_COUNTS:
        raise UsageError(f"{what}: {part} is {high - low + 1} values; write a range of powers such as 2^4..2^12 or 1k..1M")
    return list(range(low, high + 1))


def _geometric(low: int, high: int, base: int) -> list[int]:
    counts = []
    while low <= high:
        counts.append(low)
        low *= base
    return counts


def _parse_count(text: str, what: str) -> int:
    match = _COUNT.fullmatch(text)
    if match is None:
        raise UsageError(f"{what}: {text!r} is not a count; write for example 10,100,1k or 2^4..2^12")
    if match["base"]:
        if len(match["base"]) > _MOST_DIGITS or len(match["power"]) > 2:
            raise UsageError(f"{what}: a count is below 2^63")
        power: int = int(match["base"]) ** int(match["power"])
        return power
    if len(match["number"]) > _MOST_DIGITS:
        raise UsageError(f"{what}: a count is below 2^63")
    from fractions import Fraction

    count = Fraction(match["number"]) * _COUNT_SUFFIX[match["suffix"]]
    if count.denominator != 1:
        raise UsageError(f"{what}: {text!r} is not a whole number")
    return count.numerator


def format_duration(seconds: float) -> str:
    """Three significant digits with the fitting unit: 0.0123 is "12.3 ms"; not-a-number is an en dash."""
    if not math.isfinite(seconds):
        return "–"
    if seconds == 0:
        return "0 s"
    for limit, scale, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if abs(seconds) < limit * 0.9995:
            return f"{_digits(seconds * scale)} {unit}"
    return f"{_digits(seconds)} s"


def format_interval(low_s: float, high_s: float) -> str:
    """Both ends of an interval of seconds in the unit of the upper one: "14.1 … 19.2 ms"."""
    if not (math.isfinite(low_s) and math.isfinite(high_s) and high_s):
        return "–"
    upper, unit = format_duration(high_s).split(" ")
    return f"{_digits(low_s / high_s * float(upper))} … {upper} {unit}"


def format_bytes(size: float) -> str:
    """Three significant digits in powers of 1024: 52428800 is "50.0 MiB"; not-a-number is an en dash."""
    if not math.isfinite(size):
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1023.5:
            return f"{size:.0f} B" if unit == "B" else f"{_digits(size)} {unit}"
        size /= 1024
    return f"{_digits(size)} TiB"


def format_count(count: float) -> str:
    """Three significant digits with k, M or G: 12345 is "12.3k"; whole numbers below 10,000 are written out."""
    if not math.isfinite(count):
        return "–"
    if abs(count) < 10_000 and count == int(count):
        return str(int(count))
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= limit * 0.9995:
            return _digits(count / limit) + suffix
    return _digits(count)


def format_percent(fraction: float) -> str:
    """A fraction as a percentage with two or three digits: 0.0213 is "2.1 %"."""
    if not math.isfinite(fraction):
        return "–"
    percent = fraction * 100
    text = f"{percent:.0f} %" if abs(percent) >= 9.95 else f"{percent:.1f} %"
    return text.removeprefix("-") if text == "-0.0 %" else text


def _digits(number: float) -> str:
    """Three significant digits without an exponent."""
    size = abs(number)
    if size >= 99.95:
        return f"{number:.0f}"
    if size >= 9.995:
        return f"{number:.1f}"
    if size >= 0.9995 or size == 0:
        return f"{number:.2f}"
    return f"{number:.{2 - math.floor(math.log10(size))}f}".rstrip("0")
