"""HTML: the fragment that a notebook shows, and the self-contained page of a report."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from pocket_lab.errors import printable
from pocket_lab.records.caveat import Caveat

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

_CODE = re.compile(r"`([^`\s](?:[^`\n]*[^`\s])?)`")

_PAGE = Markup("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body{{margin:2rem auto;max-width:72rem;padding:0 1rem;background:#fff;color:#1f2328}}
@media (prefers-color-scheme:dark){{body{{background:#16191d;color:#e4e7eb}}}}</style></head>
<body>{body}</body></html>
""")


def fragment(title: str, parts: Iterable[Markup]) -> Markup:
    """The parts under a title, with the style they need; nothing in it comes from the network."""
    frame = Markup('<div class="pocket-lab"><style>{}</style><h3>{}</h3>{}</div>')
    return _printable(frame.format(Markup(_STYLE), title, Markup("").join(parts)))


def page(title: str, body: Markup) -> Markup:
    """A whole page around a fragment, light or dark as the reader's system is."""
    return _printable(_PAGE.format(title=title, body=body))


def paragraphs(lines: Iterable[str]) -> Markup:
    """Findings, a paragraph each."""
    return _each("<p>{}</p>", lines)


def note(text: str) -> Markup:
    """A line of small print; nothing if the text is empty."""
    return Markup('<p class="note">{}</p>').format(text) if text else Markup("")


def caveats(noted: Iterable[Caveat]) -> Markup:
    """Caveats as a list; nothing if there are none."""
    items = _each("<li>{}</li>", (caveat.message for caveat in noted))
    return Markup('<h4>Caveats</h4><ul class="caveats">{}</ul>').format(items) if items else items


def failures(messages: Iterable[str]) -> Markup:
    """Points that failed; nothing if none did."""
    items = _each("<li>{}</li>", messages)
    return Markup('<div class="failed"><h4>Failed</h4><ul>{}</ul></div>').format(items) if items else items


def _each(element: str, texts: Iterable[str]) -> Markup:
    return Markup("").join(Markup(element).format(_with_code(text)) for text in texts)


def _with_code(text: str) -> Markup:
    """A sentence whose names are between backticks, as in a terminal, with these as code."""
    parts = enumerate(_CODE.split(text))
    return Markup("").join(Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in parts)


def _printable(html: Markup) -> Markup:
    """Control characters and lone surrogates of names as text; what the escapes are made of means nothing in HTML."""
    return Markup(printable(html))
