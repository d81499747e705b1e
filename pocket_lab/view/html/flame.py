"""A flame graph as inline SVG that loads nothing: a click on a bar zooms in, a click on a bar above it zooms out."""

from __future__ import annotations

import colorsys
import itertools
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from pocket_lab.units import format_duration, format_percent

_ROW = 18
_NARROWEST, _VISIBLE = 0.001, 0.01  # shares of the width; narrower calls appear when the reader zooms in
_MOST_CELLS = 3000
_DEEPEST = 80
_numbers = itertools.count()

# `zoom` shows one call in full width, with its callers above it; without scripts the picture is static.
_SCRIPT = Markup("""
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
""")


@dataclass(frozen=True, slots=True)
class _Cell:
    """A call as it is drawn; `left` and `width` are shares of the whole."""

    depth: int
    left: float
    width: float
    name: str
    tooltip: str
    colour: str


def flame_html(calls: pd.DataFrame, weight: str, format_weight: Callable[[float], str], root: str) -> Markup:
    """A flame graph of a call tree (`frames.calls`): the widths are the column `weight`, the root is named `root`.

    Calls narrower than 0.1 % of the whole and calls deeper than 80 levels are left out; the picture is as high as the
    deepest call that takes at least 1 % of the width. Each node has its own colour.
    """
    whole = float(calls.loc[calls["depth"] == 0, weight].sum())
    if not whole > 0:
        return Markup("")
    cells = list(itertools.islice(_cells(calls, weight, whole, format_weight, root), _MOST_CELLS))
    rows = 1 + max(cell.depth for cell in cells if cell.width >= _VISIBLE)
    # with the process id, since the outputs of one notebook may come from several kernels
    identity = f"pocket-lab-flame-{os.getpid()}-{next(_numbers)}"
    return Markup(
        '<div id="{}"><svg role="img" aria-label="{}" width="100%" height="{}" '
        'style="font:11px/1 ui-monospace,Menlo,Consolas,monospace;display:block">{}</svg><script>{}</script></div>'
    ).format(identity, root, rows * _ROW, Markup("").join(map(_draw, cells)), _SCRIPT % (identity, _VISIBLE, _ROW))


def _cells(calls: pd.DataFrame, weight: str, whole: float, format_weight: Callable[[float], str], root: str) -> Iterator[_Cell]:
    """The root, then each call to the right of its siblings and below its caller."""
    yield _Cell(0, 0.0, 1.0, root, f"{root}: {format_weight(whole)}", "#c9ced6")
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
        tooltip = f"{call['function']}{where}: {format_weight(float(call[weight]))}, {format_percent(part)}"
        if "cpu_s" in call and not pd.isna(call["cpu_s"]):
            tooltip += f"; CPU {format_duration(float(call['cpu_s']))}"
        yield _Cell(depth + 1, left, part, str(call["function"]), tooltip, _colour(str(call["node"]), depth))


def _draw(cell: _Cell) -> Markup:
    return Markup(
        '<svg x="{:.4f}%" y="{}" width="{:.4f}%" height="{}" data-x="{:.8f}" data-w="{:.8f}" data-d="{}" tabindex="0">'
        '<title>{}</title><rect width="100%" height="100%" rx="2" fill="{}"/><text x="4" y="12" fill="#1b1f24">{}</text></svg>'
    ).format(
        *(cell.left * 100, cell.depth * _ROW, cell.width * 100, _ROW - 1, cell.left, cell.width, cell.depth),
        *(cell.tooltip, cell.colour, cell.name.rsplit("<locals>.", 1)[-1]),
    )


def _colour(node: str, depth: int) -> str:
    """The hue of a node, the same in every picture; every second level is paler."""
    hue = (zlib.crc32(node.encode()) % 360) / 360
    red, green, blue = colorsys.hls_to_rgb(hue, 0.72 if depth % 2 else 0.66, 0.62)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
