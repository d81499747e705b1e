"""What cannot be pickled or rebuilt is lost alone, and says what it is and where."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pocket_lab.executors.faults.lost_parts import Lost
from pocket_lab.executors.faults.parcels import dump, dump_parts, dump_result, load, load_parts


class Holder:
    def __init__(self, held: Any) -> None:
        self.held = held


class Unloadable:
    def __reduce__(self) -> Any:
        return int, ("no number",)


def fails_to_show_itself(value: Any) -> Any:
    raise RuntimeError("hidden")


Hidden = type("Hidden", (), {"__reduce__": fails_to_show_itself, "__dict__": property(fails_to_show_itself)})
LOCK = threading.Lock()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (LOCK, "it is of type lock, TypeError: cannot pickle"),
        ([1, {"a": (0, LOCK)}], "its part [1]['a'][1] is of type lock, TypeError"),
        (Holder([LOCK]), "its part .held[0] is of type lock, TypeError"),
        ((number for number in range(3)), "it is of type generator, TypeError"),
        (Hidden(), "it is of type Hidden, RuntimeError: hidden"),
    ],
)
@pytest.mark.parametrize("way", [dump, dump_result])
def test_the_innermost_part_that_cannot_be_pickled_is_named(value: Any, where: str, way: Any) -> None:
    lost = load(way(value))
    assert isinstance(lost, Lost)
    assert where in lost.reason
    assert lost.sentence("it").startswith(f"it cannot be sent back from its process ({where}")


def test_a_circle_and_a_depth_without_end_come_to_an_end() -> None:
    circle: list[Any] = [LOCK]
    circle.insert(0, circle)
    assert "[1] is of type lock" in load(dump(circle)).reason
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert "recursion" in load(dump(deep)).reason


def test_parts_are_lost_alone_and_share_what_they_have_in_common() -> None:
    shared = [1, 2]
    first, second = load_parts(dump_parts([shared, {"a": shared}]), 2)
    assert second["a"] is first
    first, lost, third = load_parts(dump_parts([shared, LOCK, shared]), 3)
    assert isinstance(lost, Lost)
    assert lost.error is None
    assert first == [1, 2]
    assert third is first


def test_behind_a_part_that_cannot_be_rebuilt_nothing_is_trusted() -> None:
    """Later pickles may refer to it: without it they would be rebuilt wrongly."""
    first, *lost = load_parts(dump_parts([[1], Unloadable(), [2]]), 3)
    assert first == [1]
    assert [isinstance(one.error, ValueError) for one in lost] == [True, True]
    assert lost[0].sentence("it").startswith("it cannot be rebuilt from its pickle (ValueError: invalid literal")
