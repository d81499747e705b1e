"""A matplotlib Figure that shows itself in a notebook without pyplot, and its SVG in the colours of the page."""

from __future__ import annotations

import functools
import io
import math
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text

from pocket_lab.errors import printable

INK, LIGHT = "#2b2f36", "#e4e7eb"  # of text and lines, on a light page and on a dark one
_SEEN = 0.5  # an opacity
_DARK = 0.4  # a luminance, below which a page is dark
PALETTE = ("#1f83c4", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f")


P = ParamSpec("P")


class LabFigure(Figure):
    """A Figure that shows itself as PNG."""

    def savefig(self, fname: Any, *, transparent: bool | None = None, **options: Any) -> None:
        """Save the figure on its own background, whatever that of the user's style is."""
        if not transparent:
            options.setdefault("facecolor", "auto")
        super().savefig(fname, transparent=transparent, **options)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with own_style():
            self.savefig(buffer, format="png", dpi=110, facecolor="white", bbox_inches="tight")
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"image/png": self._repr_png_(), "text/plain": repr(self)}


def own_style() -> AbstractContextManager[None]:
    """The settings of matplotlib as they are without a style of the user's, who may have chosen light text for a dark page."""
    from matplotlib.style import context  # here, as it reads every style file

    return context("default")


def in_own_style(draw: Callable[P, LabFigure]) -> Callable[P, LabFigure]:
    """A function that makes a whole figure, which looks the same under every style of the user's."""

    @functools.wraps(draw)
    def made(*arguments: P.args, **options: P.kwargs) -> LabFigure:
        with own_style():
            return draw(*arguments, **options)

    return made


def new_figure(panels: int = 1, height: float = 3.4) -> tuple[LabFigure, Sequence[Axes]]:
    """A figure with panels side by side."""
    figure = LabFigure(figsize=(5.6 * panels, height), layout="constrained")
    return figure, [figure.add_subplot(1, panels, index + 1) for index in range(panels)]


def style(ax: Axes, title: str = "") -> None:
    """Style a panel at its end: no box, a faint grid, text in one colour, names that are no mathematics whatever is in them.

    On dark axes of the user's, text and lines are light.
    """
    ink = LIGHT if _is_dark(ax) else INK
    ax.set_title(printable(title), loc="left", fontsize=10, color=ink)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(ink)
    ax.tick_params(which="both", colors=ink, labelsize=8)
    ax.xaxis.label.set(color=ink, fontsize=9)
    ax.yaxis.label.set(color=ink, fontsize=9)
    ax.grid(True, color="#8a8f98", alpha=0.25, linewidth=0.6)
    ax.set_axisbelow(True)
    if (legend := ax.get_legend()) is not None:
        for text in legend.get_texts():
            text.set_color(ink)
    for text in ax.findobj(Text):
        text.set_parse_math(False)
        if text.get_color() in ("black", INK, mpl.rcParams["text.color"]):  # the default, which nobody sees on a dark page
            text.set_color(ink)
    for line in ax.lines:
        if line.get_color() == INK:
            line.set_color(ink)
    areas: list[Patch | Collection] = [*ax.patches, *ax.collections]
    for area in areas:
        if len(colours := to_rgba_array(area.get_facecolor())) and (colours[:, :3] == to_rgb(INK)).all():
            area.set_facecolor(ink)


def _is_dark(ax: Axes) -> bool:
    """Whether what is behind the panel is dark; a transparent page is taken for a light one."""
    behind = [to_rgba(part.get_facecolor()) for part in (ax, ax.figure)]
    red, green, blue, _ = next((colour for colour in behind if colour[3] > _SEEN), to_rgba("white"))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < _DARK


def binary_step(largest: float) -> float:
    """The power of two that divides an axis of so many bytes into three to six parts."""
    return 2.0 ** max(0, math.ceil(math.log2(max(largest, 1.0) / 6)))


def to_svg(figure: Figure) -> Markup:
    """The figure as inline SVG: transparent, with real text, in the colour of the text around it."""
    buffer = io.StringIO()
    with own_style(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": None}):
        figure.savefig(buffer, format="svg", transparent=True, bbox_inches="tight")
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    width = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    limit = f"{float(width[1]) * 4 / 3:.0f}px" if width else "100%"
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    # matplotlib has escaped the texts
    return Markup(svg.replace("<svg ", f'<svg role="img" style="max-width:{limit};width:100%;height:auto" ', 1))
