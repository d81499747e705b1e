"""The caveats and the noise of a bench in sentences: which points, and grammar for one and for several."""

from __future__ import annotations

import pytest

from pocket_lab.analysis.noise import Noise
from pocket_lab.analysis.precision import Precision
from pocket_lab.records.caveat import CODES
from pocket_lab.records.point import Point
from pocket_lab.view.findings.bench import noise_sentence, precision_caveats


def points(count: int) -> tuple[Point, ...]:
    return tuple(Point("t", 10, workers + 1, "threads", "run") for workers in range(count))


NO = points(0)


@pytest.mark.parametrize(
    ("total", "some", "begin", "end"),
    [
        (1, 1, "the only point has only a first run", "(size 10, threads x 1)"),
        (2, 1, "1 of 2 points has only a first run", "(size 10, threads x 1)"),
        (2, 2, "both points have only a first run", "(size 10, threads x 1; size 10, threads x 2)"),
        (9, 9, "all 9 points have only a first run", "size 10, threads x 3; 6 more)"),
        (9, 2, "2 of 9 points have only a first run", "threads x 2)"),
    ],
)
def test_points_without_figures_are_counted_and_named(total: int, some: int, begin: str, end: str) -> None:
    (caveat,) = precision_caveats(Precision(total, points(some), NO, NO, NO), None, 1)
    assert caveat.code == "first-run"
    assert caveat.message.startswith(begin)
    assert caveat.message.endswith(end)
    assert caveat.point == (points(1)[0] if some == 1 else None)


def test_each_doubt_has_its_code_and_sentence() -> None:
    found = precision_caveats(Precision(4, NO, points(1), points(2), points(3)), None, 1)
    assert [caveat.code for caveat in found] == ["no-interval", "thin", "imprecise"]
    assert all(caveat.code in CODES for caveat in found)
    assert found[0].message.startswith("1 of 4 points has fewer than 6 samples and therefore no interval")
    assert found[1].message == "2 of 4 points have fewer than 20 samples: their intervals may be too narrow"
    assert found[2].message == "the budget ended before 3 of 4 points reached the requested precision"
    (thin,) = precision_caveats(Precision(1, NO, NO, points(1), NO), None, 1)
    assert thin.message == "the only point has fewer than 20 samples: its interval may be too narrow"
    assert precision_caveats(Precision(4, NO, NO, NO, NO), None, 1) == []


def test_the_noise_floor_names_its_point_and_clock() -> None:
    noise = Noise(1.01, 0.99, 1.03, 12)
    text = noise_sentence(noise, points(1)[0], is_fastest=True, clock="cpu")
    assert text.startswith("Noise floor 3.0 % of CPU time: size 10, threads x 1, the fastest point, was built twice")
    assert text.endswith("differs from itself by +1.0 % (-1.0 … +3.0 %).")
    assert noise_sentence(noise, points(1)[0], is_fastest=False).startswith("Noise floor 3.0 %: size 10")
