"""HTML: the fragment that a notebook shows, and the self-contained page of a report."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_STYLE = """
.pocket-lab{font:14px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;color:inherit;overflow-x:auto}
.pocket-lab h3{margin:.4em 0;font-size:16px}.pocket-lab h4{margin:.9em 0 .3em;font-size:14px}
.pocket-lab table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4em 0;color:inherit}
.pocket-lab th,.pocket-lab td{padding:3px 10px;border:0;white-space:nowrap;color:inherit;background:none}
.pocket-lab th{border-bottom:1px solid rgba(128,128,128,.6);font-weight:600}
.pocket-lab td{border-bottom:1px solid rgba(128,128,128,.18)}
.pocket-lab .l{text-align:left!important}.pocket-lab .r{text-align:right!important}
.pocket-lab table.heat td{padding:0 8px;border:0;line-height:1.5}
.pocket-lab table.heat code{white-space:pre;background:none;color:inherit;font:12px/1.5 ui-monospace,Menlo,Consolas,monospace}
.pocket-lab ul.caveats{margin:.4em 0;padding-left:1.2em}.pocket-lab .note{opacity:.75;margin:.4em 0}
.pocket-lab .failed{border-left:3px solid #d1242f;padding-left:.7em}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body{{margin:2rem auto;max-width:72rem;padding:0 1rem;background:#fff;color:#1f2328}}
@media (prefers-color-scheme:dark){{body{{background:#16191d;color:#e4e7eb}}}}</style></head>
<body>{body}</body></html>
"""


def fragment(title: str, parts: Iterable[str]) -> str:
    """The parts under a title, with the style they need; nothing in it comes from the network."""
    return f'<div class="pocket-lab"><style>{_STYLE}</style><h3>{escape(title)}</h3>{"".join(parts)}</div>'


def page(title: str, body: str) -> str:
    """A whole page around a fragment, light or dark as the reader's system is."""
    return _PAGE.format(title=escape(title), body=body)


def paragraphs(lines: Iterable[str]) -> str:
    """Findings, one a paragraph."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def note(text: str) -> str:
    """A line of small print."""
    return f'<p class="note">{escape(text)}</p>' if text else ""


def caveats(messages: Iterable[str]) -> str:
    """Doubts as a list; nothing where there are none."""
    items = "".join(f"<li>{escape(message)}</li>" for message in messages)
    return f'<h4>Caveats</h4><ul class="caveats">{items}</ul>' if items else ""


def failures(messages: Iterable[str]) -> str:
    """Points that failed; nothing where none did."""
    items = "".join(f"<li>{escape(message)}</li>" for message in messages)
    return f'<div class="failed"><h4>Failed</h4><ul>{items}</ul></div>' if items else ""
