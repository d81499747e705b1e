"""Plain words: the package, the pages, the notebooks and the settings use the terms of the field and no archaic turns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BANNED = {
    "amid": "within",
    "anew": "again, rebuilt, from scratch",
    "asked": "requested; command_line for the line of a magic",
    "asking": "command line, magic_runner",
    "births?": "creation site",
    "brought home": "collected",
    "census": "resources",
    "dearest": "most expensive",
    "duels?": "paired comparison",
    "elder": "sibling, caller",
    "exclusions?": "conflicts",
    "fights?|compet(?:e|es|ing)": "paired comparison",
    "hardly feels?": "is barely affected by",
    "holdings": "memory that is held",
    "holds? for no": "do not rely on",
    "in turns": "alternately",
    "lanes?": "row of a chart; point_sampler",
    "leaves? in doubt": "caveats",
    "more rows stand": "more rows",
    "no say": "no effect",
    "of (?:its|their|his) own will": "voluntarily",
    "places?(?! where)": "location, position, index",
    "rests? on": "is based on",
    "plot_busy": "plot_activity",
    "seldom": "rarely",
    "served": "answered; request_tally",
    "sisters?": "siblings",
    "stands? (?:as|beside|for|in|on|there|under|with)": "is in, is stored as, means",
    "tickets?": "shared counter",
    "things?": "resource, target, or what it is",
    "told": "described, reported; options_json",
    "troubles?": "errors",
    "wants? an?": "requires a",
    "way[ _]out": "hint",
    "whereupon": "and then",
}
ALLOWED = re.compile(
    r"\b(?:in place|in-place|in the place of|in its place|take place|takes place|one place|add a thing)\b"
    r'|"(?:asked|place)": '  # fields of the first format of the history file, which a step of its schema renames
)


def texts() -> list[Path]:
    """Every file that a user or a contributor reads."""
    pages = [*ROOT.glob("*.md"), ROOT / "CITATION.cff", ROOT / "noxfile.py", ROOT / "pyproject.toml", ROOT / ".ci/run"]
    settings = [*ROOT.glob(".github/**/*.yml"), *ROOT.glob(".github/**/*.md"), ROOT / ".pre-commit-config.yaml"]
    return [*sorted(ROOT.glob("pocket_lab/**/*.py")), *sorted(ROOT.glob("notebooks/*.ipynb")), *sorted([*pages, *settings])]


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_words_are_those_of_the_field(path: Path) -> None:
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        plain = ALLOWED.sub("", line)
        for word, better in BANNED.items():
            # an underscore is no letter, so that parts of identifiers count as words
            if match := re.search(rf"(?<![a-zA-Z])(?:{word})(?![a-zA-Z])", plain, re.IGNORECASE):
                found.append(f"{path.name}:{number}: {match[0]!r}: write {better}")
    assert not found, "\n".join(found)
