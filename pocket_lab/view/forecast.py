"""What a budget holds of a sweep, in a sentence: said as soon as it is known."""

from __future__ import annotations

from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Forecast
from pocket_lab.stats.median_interval import FEWEST
from pocket_lab.units import format_duration


def forecast_sentence(forecast: Forecast) -> str:
    """How long all points would take, and how many of them the budget measures."""
    needed = f"about {format_duration(forecast.needed_s)}" if _is_credible(forecast) else "more"
    return (
        f"{forecast.planned} points need {needed} for {FEWEST} rounds each; {format_duration(forecast.budget_s)} "
        f"measure {forecast.chosen} of them, the corners first"
    )


def budget_caveats(forecast: Forecast | None, begun: int) -> list[Caveat]:
    """The points that the budget did not hold, where some have not begun."""
    if forecast is None or begun >= forecast.planned:
        return []
    left = forecast.planned - begun
    of_all = f"{left} of {forecast.planned} points {'has' if left == 1 else 'have'} not begun"
    needed = f": {FEWEST} rounds of all need about {format_duration(forecast.needed_s)}" if _is_credible(forecast) else ""
    return [Caveat("points-left", f"the budget of {format_duration(forecast.budget_s)} ended, and {of_all}{needed}")]


def _is_credible(forecast: Forecast) -> bool:
    """Whether the estimate is more than the budget, which did not hold all points: building them may take longer than runs."""
    return forecast.needed_s > forecast.budget_s
