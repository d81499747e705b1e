"""What is said of a budget that does not hold all points: no estimate that the budget itself disproves."""

from __future__ import annotations

import math

import pytest

from pocket_lab.records.progress import Forecast
from pocket_lab.view.forecast import budget_caveats, forecast_sentence


def test_the_time_of_all_points_is_named_where_it_is_more_than_the_budget() -> None:
    forecast = Forecast(30, 8, 90.0, 20.0)
    assert forecast_sentence(forecast) == (
        "30 points need about 90.0 s for 6 rounds each; 20.0 s measure 8 of them, the corners first"
    )
    (caveat,) = budget_caveats(forecast, 8)
    assert caveat.message == "the budget of 20.0 s ended, and 22 of 30 points have not begun: 6 rounds of all need about 90.0 s"


@pytest.mark.parametrize("needed_s", [1.2, 3.0, 0.0, math.nan])
def test_an_estimate_within_a_budget_that_did_not_suffice_is_not_said(needed_s: float) -> None:
    forecast = Forecast(200, 112, needed_s, 3.0)
    assert forecast_sentence(forecast).startswith("200 points need more for 6 rounds each; 3.00 s measure 112 of them")
    (caveat,) = budget_caveats(forecast, 112)
    assert caveat.message == "the budget of 3.00 s ended, and 88 of 200 points have not begun"


def test_nothing_is_said_where_all_points_have_begun() -> None:
    assert budget_caveats(None, 3) == budget_caveats(Forecast(3, 2, 9.0, 3.0), 3) == []
