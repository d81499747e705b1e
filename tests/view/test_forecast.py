"""What a budget holds of a sweep, in words."""

from __future__ import annotations

import math

import pytest

from pocket_lab.records.progress import Forecast
from pocket_lab.view.forecast import budget_caveats, forecast_sentence


def test_what_all_points_need_is_said_at_once() -> None:
    said = forecast_sentence(Forecast(30, 8, 90.0, 20.0))
    assert said == "30 points need about 90.0 s for 6 rounds each; 20.0 s measure 8 of them, the corners first"


@pytest.mark.parametrize("needed_s", [math.nan, 5.0])
def test_a_need_that_is_not_known_or_would_fit_is_not_named(needed_s: float) -> None:
    forecast = Forecast(30, 8, needed_s, 20.0)
    assert forecast_sentence(forecast) == "8 of 30 points have begun, the corners first: 20.0 s may not hold all"
    (caveat,) = budget_caveats(forecast, 29)
    assert caveat.message == "the budget of 20.0 s ended, and 1 of 30 points has not begun"
    (stopped,) = budget_caveats(forecast, 29, is_stopped=True)
    assert stopped.message == "the run was stopped, and 1 of 30 points has not begun"


def test_a_need_far_beyond_the_budget_is_no_figure() -> None:
    forecast = Forecast(5, 3, 98_756.0, 6.0)
    assert "5 points need over 20 times as long for 6 rounds each" in forecast_sentence(forecast)
    (caveat,) = budget_caveats(forecast, 3)
    assert (
        caveat.message
        == "the budget of 6.00 s ended, and 2 of 5 points have not begun: 6 rounds of all need over 20 times as long"
    )


def test_where_all_have_begun_there_is_nothing_to_say() -> None:
    assert budget_caveats(Forecast(5, 3, 90.0, 6.0), 5) == []
    assert budget_caveats(None, 0) == []
