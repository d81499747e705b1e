"""A section of HTML per point of a profile."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from markupsafe import Markup

from pocket_lab.frames.points import location_in, point_of
from pocket_lab.records.point import describe


def for_each_point(frame: pd.DataFrame, draw: Callable[[pd.DataFrame], Markup]) -> Markup:
    """The HTML that `draw` makes of the rows of each point, under headings if there are several points."""
    location = location_in(frame)
    groups = list(frame.groupby(location, dropna=False, sort=False))
    if len(groups) <= 1:
        return draw(frame)
    sections = ((describe(point_of(dict(zip(location, key, strict=True)))), draw(rows)) for key, rows in groups)
    return Markup("").join(Markup("<h4>{}</h4>{}").format(*section) for section in sections)
