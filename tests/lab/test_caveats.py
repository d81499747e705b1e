"""Caveats reach the face as records: with their code and their point, each once, those that the figures raise too."""

from __future__ import annotations

from pocket_lab.lab.bench import Bench
from pocket_lab.records.caveat import CODES, Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Forecast, Planned
from pocket_lab.records.samples import Sample

POINT = Point("target", 10, 1, "serial", "run")


def test_a_result_gives_each_caveat_once_with_its_code_and_point() -> None:
    noted = Caveat("drift", "the time of a run rose by 5 %", POINT)
    samples = [Sample(POINT, number, 1, 0.01, 0.01, 1) for number in range(1, 4)]
    result = Bench("target", [Planned((POINT,), 1.0), noted, *samples, noted, Closed(POINT, "budget")])
    assert result.caveats[0] == noted
    assert [caveat.code for caveat in result.caveats] == ["drift", "no-interval"]
    assert {caveat.code for caveat in result.caveats} <= CODES.keys()
    for shown in (str(result), result.to_html()):
        assert shown.count("the time of a run rose by 5 %") == 1
        assert shown.count("the only point has fewer than 6 samples and therefore no interval") == 1


def test_a_point_whose_first_run_was_stopped_has_begun() -> None:
    stopped = Caveat("run-stopped", "its first run did not end within the budget and was stopped", POINT)
    records = [Planned((POINT,), 1.0), Forecast(1, 0, float("nan"), 1.0), stopped, Closed(POINT, "budget")]
    assert "points-left" not in {caveat.code for caveat in Bench("target", records).caveats}
    assert "points-left" in {caveat.code for caveat in Bench("target", [records[0], records[1], records[3]]).caveats}
