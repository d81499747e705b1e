"""What a budget holds of a sweep, in a sentence: said as soon as it is known."""

from __future__ import annotations

from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Forecast
from pocket_lab.stats.median_interval import FEWEST
from pocket_lab.units import format_duration

_MOST_TIMES = 20  # the budget: further off, the time is only known to be long


def forecast_sentence(forecast: Forecast) -> str:
    """How long all points would take, where that is known, and how many of them the budget measures."""
    budget = format_duration(forecast.budget_s)
    if not forecast.needed_s > forecast.budget_s:
        return f"{forecast.chosen} of {forecast.planned} points have begun, the corners first: {budget} may not hold all"
    is_far = forecast.needed_s > _MOST_TIMES * forecast.budget_s
    time = f"over {_MOST_TIMES} times as long" if is_far else f"about {format_duration(forecast.needed_s)}"
    needed = f"{forecast.planned} points need {time} for {FEWEST} rounds each"
    return f"{needed}; {budget} measure {forecast.chosen} of them, the corners first"


def budget_caveats(forecast: Forecast | None, begun: int, is_stopped: bool = False) -> list[Caveat]:
    """The points that the budget did not hold, where some have not begun, and what all of them need where that is known.

    A run that `is_stopped` ended before its budget did.
    """
    if forecast is None or begun >= forecast.planned:
        return []
    left = forecast.planned - begun
    of_all = f"{left} of {forecast.planned} points {'has' if left == 1 else 'have'} not begun"
    needed = ""
    if forecast.needed_s > _MOST_TIMES * forecast.budget_s:
        needed = f": {FEWEST} rounds of all need over {_MOST_TIMES} times as long"
    elif forecast.needed_s > forecast.budget_s:
        needed = f": {FEWEST} rounds of all need about {format_duration(forecast.needed_s)}"
    end = "the run was stopped" if is_stopped else f"the budget of {format_duration(forecast.budget_s)} ended"
    return [Caveat("points-left", f"{end}, and {of_all}{needed}")]
