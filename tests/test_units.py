"""Text of people into base units and back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab import units
from pocket_lab.errors import UsageError

NAN, INF = math.nan, math.inf


DURATIONS = {"100ms": 0.1, "2s": 2, "5m": 300, "5 min": 300, "1h": 3600, "3us": 3e-6, "3µs": 3e-6, "7 ns": 7e-9, "1.5": 1.5}
DURATIONS |= {".5s": 0.5, "1e-3 s": 1e-3, " 2s ": 2, 3: 3, 0.25: 0.25, 0: 0, "0s": 0}
COUNTS = {"10,100,1k": (10, 100, 1000), " 3 , 1 ": (3, 1), "1,1,2,1": (1, 2), "0": (0,), "2.5k": (2500,)}
COUNTS |= {"1..16": tuple(range(1, 17)), "1 .. 3": (1, 2, 3), "5..5": (5,), "1..3,1k..10k,2^5": (1, 2, 3, 1000, 10_000, 32)}
COUNTS |= {"2^4..2^12": (16, 32, 64, 128, 256, 512, 1024, 2048, 4096), "2^0..2^2": (1, 2, 4), "3^1..3^3": (3, 9, 27)}
COUNTS |= {
    "1k..1M": (1000, 10_000, 100_000, 1_000_000),
    "1..1k": (1, 10, 100, 1000),
    "1k..3000": (1000,),
    "1k .. 3000": (1000,),
}
COUNTS |= {"1.001k": (1001,), "16.1k": (16_100,), "9007199254740993": (2**53 + 1,)}
BAD_QUANTITIES = ["", "fast", "-1", -1, -0.5, NAN, INF, "1e999", "1 parsec", "1ss", "1 2", "1.2.3", True, None, [1]]
BAD_COUNTS = ["", ",", "1,,2", "ten", "1.5", "1.0005k", "1kB", "-3", "5..1", "1..", "..5", "1...5", "1..5..9", "1..100000"]
BAD_COUNTS += ["2^", "2^4..3^4", "1^2..1^9", "2^99", -1, [-1], 1.5, [1.5], True, [True], [], ["10"], None]


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items())
def test_durations_become_seconds(text: float | str, seconds: float) -> None:
    assert units.parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(("text", "fraction"), [("2%", 0.02), ("0.02", 0.02), (0.02, 0.02), ("150 %", 1.5), ("0%", 0.0)])
def test_percentages_become_fractions(text: float | str, fraction: float) -> None:
    assert units.parse_fraction(text) == pytest.approx(fraction, rel=1e-12)


@pytest.mark.parametrize("parse", [units.parse_duration, units.parse_fraction])
@pytest.mark.parametrize("value", [*BAD_QUANTITIES, pytest.param(10**400, id="huge")])
def test_a_bad_quantity_is_one_usage_error_that_says_what_it_should_be(parse: Callable[..., float], value: object) -> None:
    kind = {"parse_duration": "a duration", "parse_fraction": "a fraction"}
    with pytest.raises(UsageError, match=f"is not {kind[parse.__name__]}; write for example ") as caught:
        parse(value)
    assert str(caught.value).startswith(repr(value))
    assert caught.value._render_traceback_() == [f"UsageError: {caught.value}"]


@pytest.mark.parametrize(("text", "counts"), COUNTS.items())
def test_counts_and_ranges_are_spelled_out(text: str, counts: tuple[int, ...]) -> None:
    assert units.parse_counts(text, "sizes") == counts


@pytest.mark.parametrize("value", [3, [3], (3,), {3}, iter([3]), np.array([3]), np.int64(3)], ids=lambda v: type(v).__name__)
def test_anything_that_counts_is_a_count(value: Any) -> None:
    parsed = units.parse_counts(value, "sizes")
    assert parsed == (3,)
    assert type(parsed[0]) is int


@pytest.mark.parametrize(
    "value", [*BAD_COUNTS, pytest.param("9" * 400, id="huge"), pytest.param("2^" + "9" * 5000, id="huge power")]
)
def test_bad_counts_are_one_usage_error_that_names_the_option(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^sizes: ") as caught:
        units.parse_counts(value, "sizes")
    assert "\n" not in str(caught.value)


def test_a_count_below_the_smallest_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"^workers: 0 is too small, the smallest that makes sense is 1$"):
        units.parse_counts("0..4", "workers", smallest=1)
    assert units.parse_counts("1..2", "workers", smallest=1) == (1, 2)


@given(st.lists(st.integers(0, 2**60), min_size=1, max_size=20))
def test_written_counts_are_read_as_they_were_each_once(counts: list[int]) -> None:
    expected = tuple(dict.fromkeys(counts))
    assert units.parse_counts(",".join(map(str, counts)), "sizes") == expected
    assert units.parse_counts(counts, "sizes") == expected


@given(st.floats(1e-9, 1e9))
def test_a_formatted_duration_reads_back_to_three_digits(seconds: float) -> None:
    assert units.parse_duration(units.format_duration(seconds)) == pytest.approx(seconds, rel=0.0051)


@given(st.integers(0, 2**55))
def test_formatted_bytes_read_back_to_three_digits(size: int) -> None:
    number, unit = units.format_bytes(size).split(" ")
    power = ["B", "KiB", "MiB", "GiB", "TiB"].index(unit)
    assert round(float(number) * 1024**power) == pytest.approx(size, rel=0.0051)


@given(st.integers(0, 10**12))
def test_a_formatted_count_reads_back_to_three_digits(count: int) -> None:
    assert units.parse_counts(units.format_count(count), "sizes")[0] == pytest.approx(count, rel=0.0051)


@given(st.floats(0, 100))
def test_a_formatted_percentage_reads_back_to_its_last_digit(fraction: float) -> None:
    assert units.parse_fraction(units.format_percent(fraction)) == pytest.approx(fraction, rel=0.051, abs=0.00051)


FORMATS = [
    (units.format_duration, {0.0123: "12.3 ms", 0: "0 s", 1: "1.00 s", 2e-9: "2.00 ns", 9.9996e-4: "1.00 ms"}),
    (units.format_duration, {-0.0123: "-12.3 ms", 4.56e-5: "45.6 µs", 59.96: "60.0 s", 86_400: "86400 s", 1e-12: "0.001 ns"}),
    (units.format_bytes, {0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1.00 KiB", 52_428_800: "50.0 MiB", 1023.6: "1.00 KiB"}),
    (units.format_bytes, {-(2**20): "-1.00 MiB", 2**30: "1.00 GiB", 2**50: "1024 TiB", 1.5 * 2**40: "1.50 TiB"}),
    (units.format_count, {0: "0", 7: "7", 9999: "9999", 12_345: "12.3k", 10_000: "10.0k", 999_950: "1.00M", -12_345: "-12.3k"}),
    (units.format_count, {0.5: "0.5", 2.5: "2.50", 9999.5: "10.0k", 1e6: "1.00M", 3e9: "3.00G", 1e12: "1000G"}),
    (
        units.format_percent,
        {0.0213: "2.1 %", 0: "0.0 %", 0.5: "50 %", 0.0995: "10 %", 12: "1200 %", -0.05: "-5.0 %", -0.0001: "0.0 %"},
    ),
]


@pytest.mark.parametrize(
    ("form", "number", "text"), [(form, number, text) for form, texts in FORMATS for number, text in texts.items()]
)
def test_numbers_are_written_with_three_digits_and_a_unit(form: Callable[[float], str], number: float, text: str) -> None:
    assert form(number) == text


@pytest.mark.parametrize("form", [units.format_duration, units.format_bytes, units.format_count, units.format_percent])
@pytest.mark.parametrize("number", [NAN, INF, -INF])
def test_what_is_no_finite_number_is_an_en_dash(form: Callable[[float], str], number: float) -> None:
    assert form(number) == "–"


@pytest.mark.parametrize("form", [units.format_duration, units.format_bytes, units.format_count, units.format_percent])
@pytest.mark.parametrize("number", [3e-5, -3e-5, 1e20, 1e300, -1e300])
def test_no_number_is_written_with_an_exponent(form: Callable[[float], str], number: float) -> None:
    assert "e" not in form(number)


def test_an_interval_has_one_unit() -> None:
    assert units.format_interval(0.0141, 0.0192) == "14.1 … 19.2 ms"
    assert units.format_interval(0.0009, 1.0) == "0.0009 … 1.00 s"
    assert units.format_interval(2.0, 2.0) == "2.00 … 2.00 s"
    assert {units.format_interval(*ends) for ends in ((NAN, 1.0), (1.0, NAN), (0.0, INF), (0.0, 0.0))} == {"–"}


@pytest.mark.parametrize(
    "value",
    [",".join(["1..1000"] * 20_000), itertools.count(), range(10**12), [1] * 10_001],
    ids=lambda value: type(value).__name__,
)
def test_a_list_without_an_end_is_refused_at_its_length(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^sizes: the list has more than 10,000 values; write a range of powers"):
        units.parse_counts(value, "sizes")


def test_ten_thousand_values_are_a_list() -> None:
    assert len(units.parse_counts(range(10_000), "sizes")) == 10_000
