"""Two results of bench that were measured in different ways are refused, each by the name of the option that differs."""

from __future__ import annotations

from typing import Any

import pytest

from pocket_lab import Bench, UsageError, bench, compare


def plain(value: int) -> int:
    return sum(range(value))


METHODS: list[tuple[str, Any, Any]] = [
    ("store", "fresh", "shared"),
    ("caches", "warm", "cold"),
    ("fresh_input", False, True),
    ("isolation", "kernel", "process"),
    ("native_threads", None, 1),
]


def measured(name: str, **options: Any) -> Bench:
    return bench(plain, name=name, **{"size": 10, "budget": 1, "isolation": "kernel", **options})


@pytest.fixture(scope="module")
def benches() -> dict[str, Bench]:
    """A bench, and one for each option that differs from it, by their names in the history."""
    build = {"input": lambda size: size}
    others = {option: measured(f"other {option}", **build, **{option: other}) for option, _, other in METHODS}
    same = {name: measured(name, **build) for name in ("one way", "the same way")}
    return {**same, **{bench.name: bench for bench in others.values()}}


@pytest.fixture(scope="module")
def loads() -> dict[str, Bench]:
    """Benches under load at two rates and in a closed loop, by their names in the history."""
    rates = {"slow": {"rate": 50}, "fast": {"rate": 200}, "closed": {}}
    load = {"drive": "load", "workers": 2, "executor": "threads"}
    return {name: measured(name, **load, **rate) for name, rate in rates.items()}


@pytest.mark.parametrize(("option", "first", "second"), METHODS)
@pytest.mark.parametrize("is_stored", [False, True], ids=["in memory", "from the history"])
def test_another_method_is_refused_by_name(
    option: str, first: Any, second: Any, is_stored: bool, benches: dict[str, Bench]
) -> None:
    other = f"other {option}"
    sides: tuple[Any, Any] = ("one way", other) if is_stored else (benches["one way"], benches[other])
    message = f'"one way" was measured with {option}={first!r} and "{other}" with {option}={second!r}: measure one of'
    for force in (False, True):
        with pytest.raises(UsageError, match=message):
            compare(*sides, force=force)
    assert len(compare(sides[0], benches["the same way"]).frame) == 1


@pytest.mark.parametrize("is_stored", [False, True], ids=["in memory", "from the history"])
def test_another_rate_is_refused_by_name(is_stored: bool, loads: dict[str, Bench]) -> None:
    slow, fast, closed = loads.values()
    sides: tuple[Any, Any] = ("slow", "fast") if is_stored else (slow, fast)
    with pytest.raises(UsageError, match=r'"slow" was measured with rate=50 and "fast" with rate=200, .* with the same rate'):
        compare(*sides)
    with pytest.raises(UsageError, match='"fast" was measured with rate=200 and "closed" with no rate'):
        compare(fast, closed)


def test_another_drive_is_refused_by_name_before_its_rate() -> None:
    run, load = measured("run"), measured("load", drive="load", rate=50, workers=2, executor="threads")
    with pytest.raises(UsageError, match='"run" was measured with drive=run and "load" with drive=load'):
        compare(run, load, force=True)
