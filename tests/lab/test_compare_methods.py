"""Two results of bench that were measured in different ways are refused, each by the name of the option that differs."""

from __future__ import annotations

from typing import Any

import pytest

from pocket_lab import Bench, UsageError, bench, compare


def plain(value: int) -> int:
    return sum(range(value))


def measured(name: str, **options: Any) -> Bench:
    return bench(plain, name=name, **{"size": 10, "budget": 0.1, "isolation": "kernel", **options})


@pytest.mark.parametrize(
    ("option", "first", "second"),
    [
        ("store", "fresh", "shared"),
        ("caches", "warm", "cold"),
        ("fresh_input", False, True),
        ("isolation", "kernel", "process"),
    ],
)
@pytest.mark.parametrize("is_stored", [False, True], ids=["in memory", "from the history"])
def test_another_method_is_refused_by_name(option: str, first: Any, second: Any, is_stored: bool) -> None:
    inputs = {"input": lambda size: size} if option == "fresh_input" else {}
    a = measured("one way", **inputs, **{option: first})
    b = measured("another way", **inputs, **{option: second})
    sides: tuple[Any, Any] = ("one way", "another way") if is_stored else (a, b)
    message = f'"one way" was measured with {option}={first!r} and "another way" with {option}={second!r}: measure one of'
    for force in (False, True):
        with pytest.raises(UsageError, match=message):
            compare(*sides, force=force)
    assert len(compare(sides[0], a).frame) == 1


@pytest.mark.parametrize("is_stored", [False, True], ids=["in memory", "from the history"])
def test_another_rate_is_refused_by_name(is_stored: bool) -> None:
    load = {"drive": "load", "workers": 2, "executor": "threads"}
    slow, fast, closed = measured("slow", rate=50, **load), measured("fast", rate=200, **load), measured("closed", **load)
    sides: tuple[Any, Any] = ("slow", "fast") if is_stored else (slow, fast)
    with pytest.raises(UsageError, match=r'"slow" was measured with rate=50 and "fast" with rate=200, .* with the same rate'):
        compare(*sides)
    with pytest.raises(UsageError, match='"fast" was measured with rate=200 and "closed" with no rate'):
        compare(fast, closed)


def test_another_drive_is_refused_by_name_before_its_rate() -> None:
    run, load = measured("run"), measured("load", drive="load", rate=50, workers=2, executor="threads")
    with pytest.raises(UsageError, match='"run" was measured with drive=run and "load" with drive=load'):
        compare(run, load, force=True)
