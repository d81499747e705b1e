"""A flame graph as inline SVG: a click zooms, another on the bar at the bottom of the path zooms out; nothing is loaded."""

from __future__ import annotations

import colorsys
import itertools
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

import pandas as pd

from pocket_lab.units import format_percent

_ROW = 18
_NARROWEST, _VISIBLE = 0.001, 0.01  # narrower calls come into sight when one zooms in
_MOST_CELLS = 3000
_DEEPEST = 80
_numbers = itertools.count()

# `zoom` shows one cell in full width, with those that it was called from above it; without scripts the picture stands still.
_SCRIPT = """
(function(){
  var root=document.getElementById("%s"); if(!root) return;
  var cells=[].slice.call(root.querySelectorAll("svg[data-x]"));
  function zoom(to){
    var x=+to.dataset.x,w=+to.dataset.w,d=+to.dataset.d,deepest=d;
    cells.forEach(function(c){
      var cx=+c.dataset.x,cw=+c.dataset.w,cd=+c.dataset.d,above=cd<=d&&cx<=x+1e-9&&cx+cw>=x+w-1e-9;
      var inside=cx>=x-1e-9&&cx+cw<=x+w+1e-9;
      c.style.display=(above||(inside&&cd>=d))?"":"none";
      c.setAttribute("x",(above?0:(cx-x)/w*100)+"%%"); c.setAttribute("width",(above?100:cw/w*100)+"%%");
      c.style.opacity=above&&cd<d?.55:1;
      if(inside&&cw/w>=%s) deepest=Math.max(deepest,cd);
    });
    cells[0].parentNode.setAttribute("height",(deepest+1)*%s);
  }
  cells.forEach(function(c){
    c.style.cursor="pointer";
    c.addEventListener("click",function(){zoom(c);});
    c.addEventListener("keydown",function(e){if(e.key==="Enter"){zoom(c);}if(e.key==="Escape"){zoom(cells[0]);}});
  });
})();
"""


@dataclass(frozen=True, slots=True)
class _Cell:
    depth: int
    left: float
    width: float
    name: str
    told: str
    colour: str


def flame_html(calls: pd.DataFrame, weight: str, format_weight: Callable[[float], str], all_of_it: str) -> str:
    """A flame graph of a call tree (`frames.calls`): the widths are the column `weight`, the root is called `all_of_it`.

    Calls narrower than a thousandth of the whole are left out, and so is what lies deeper than eighty calls; the picture is
    as high as the deepest call of a hundredth of what it shows. Colours tell the nodes apart.
    """
    whole = float(calls.loc[calls["depth"] == 0, weight].sum())
    if not whole > 0:
        return ""
    cells = list(itertools.islice(_cells(calls, weight, whole, format_weight, all_of_it), _MOST_CELLS))
    rows = 1 + max(cell.depth for cell in cells if cell.width >= _VISIBLE)
    # the process too, since pages of one notebook may come from several kernels
    identity = f"pocket-lab-flame-{os.getpid()}-{next(_numbers)}"
    drawn = "".join(map(_draw, cells))
    return (
        f'<div id="{identity}"><svg role="img" aria-label="{escape(all_of_it)}" width="100%" height="{rows * _ROW}" '
        f'style="font:11px/1 ui-monospace,Menlo,Consolas,monospace;display:block">{drawn}</svg>'
        f"<script>{_SCRIPT % (identity, _VISIBLE, _ROW)}</script></div>"
    )


def _cells(
    calls: pd.DataFrame, weight: str, whole: float, format_weight: Callable[[float], str], all_of_it: str
) -> Iterator[_Cell]:
    """The root, then each call beside its elder sisters and above its caller."""
    yield _Cell(0, 0.0, 1.0, all_of_it, f"{all_of_it}: {format_weight(whole)}", "#c9ced6")
    free = [0.0] * (_DEEPEST + 2)  # where the next call of each depth begins
    for call in calls.to_dict("records"):
        depth, part = int(call["depth"]), float(call[weight]) / whole
        if depth >= _DEEPEST:
            continue
        left = free[depth]
        free[depth], free[depth + 1] = left + part, left
        if part < _NARROWEST:
            continue
        where = f" ({call['file']}:{call['line']})" if call["file"] else ""
        told = f"{call['function']}{where}: {format_weight(float(call[weight]))}, {format_percent(part)}"
        yield _Cell(depth + 1, left, part, str(call["function"]), told, _colour(str(call["node"]), depth))


def _draw(cell: _Cell) -> str:
    name = escape(cell.name.rsplit("<locals>.", 1)[-1])
    return (
        f'<svg x="{cell.left * 100:.4f}%" y="{cell.depth * _ROW}" width="{cell.width * 100:.4f}%" height="{_ROW - 1}" '
        f'data-x="{cell.left:.8f}" data-w="{cell.width:.8f}" data-d="{cell.depth}" tabindex="0">'
        f'<title>{escape(cell.told)}</title><rect width="100%" height="100%" rx="2" fill="{cell.colour}"/>'
        f'<text x="4" y="12" fill="#1b1f24">{name}</text></svg>'
    )


def _colour(node: str, depth: int) -> str:
    """A hue for each node, the same in every picture, paler from call to call by turns."""
    hue = (zlib.crc32(node.encode()) % 360) / 360
    red, green, blue = colorsys.hls_to_rgb(hue, 0.72 if depth % 2 else 0.66, 0.62)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
