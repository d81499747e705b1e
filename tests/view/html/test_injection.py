"""Text of a user, wherever a result shows it, stays text: names, units, tags, caveats, errors, sources."""

from __future__ import annotations

import io
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from markupsafe import Markup
from rich.console import Console

from pocket_lab.analysis.compare.stored import STORED_MARGIN
from pocket_lab.errors import printable, valid_unicode
from pocket_lab.frames.runs import history_frame
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import Entry
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.compare import Comparison
from pocket_lab.lab.cpu import CpuProfile
from pocket_lab.lab.history import History
from pocket_lab.lab.leaks import LeakReport
from pocket_lab.lab.lines import LineProfile
from pocket_lab.lab.memory import MemoryProfile
from pocket_lab.lab.monitor import MonitorSnapshot
from pocket_lab.lab.result import Result
from pocket_lab.lab.trace import Trace
from pocket_lab.notebook.progress import _Line
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.codec import valid_record
from pocket_lab.records.leaks import MAIN, Leftover, MemoryReading
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Metric, Sample
from pocket_lab.records.sources import LineCost, Source, Stack
from pocket_lab.records.spans import NodeTime, Span, Traced
from pocket_lab.records.traffic import NodeTraffic
from pocket_lab.view.html.page import fragment, note, page, paragraphs
from pocket_lab.view.text.history_table import history_table
from pocket_lab.view.text.terminal import print_result

EVIL = "\"'><img src=x onerror=alert(1)></script><b>&amp;"
CODES = "\x1b[2J\x9b5m\x07\r\udc80\ud83d\u202eback\x00"
POINT = Point(EVIL, 1, 1, "serial", "run")
LARGER = Point(EVIL, 2, 1, "serial", "run")
NOTED: list[Record] = [Caveat("code", EVIL), Failure(LARGER, (("", EVIL, ()),))]


def bench() -> Result:
    samples = [Sample(point, n, 1, 0.01, 0.01, 1) for point in (POINT, LARGER) for n in range(8)]
    metrics = [Metric(POINT, EVIL, EVIL, 1.0, EVIL, 1)]
    nodes = [NodeTime(POINT, name, 1, 1.0, 0.5, 0.0, 0) for name in (EVIL, "other")]
    return Bench(EVIL, [Planned((POINT, LARGER), 1.0), *samples, *metrics, *nodes, *NOTED, Closed(POINT, "done")], run=1)


def comparison() -> Result:
    row = {
        "target_a": valid_unicode(EVIL),
        "target_b": valid_unicode(EVIL),
        "size": 1,
        "workers": 1,
        "executor": "serial",
        "drive": "run",
        "basis": "wall",
    }
    row |= {"ratio": 1.5, "ratio_low": 1.4, "ratio_high": 1.6, "cpu_ratio": 1.5, "wall_ratio": 1.5, "verdict": "slower"}
    row |= {"seconds_needed": float("nan"), "blocks": 10, "rounds": 80, "status": "done", "reason": "waits", "waits_a": 0.5}
    row |= {"a_s": 0.01, "b_s": 0.015, "waits_b": 0.1}
    return Comparison(EVIL, NOTED, STORED_MARGIN, pd.DataFrame([row]))


def cpu() -> Result:
    return CpuProfile(EVIL, [Stack(point, EVIL, ((EVIL, EVIL, 1),), 1.0, "s") for point in (POINT, LARGER)] + NOTED)


def lines() -> Result:
    return LineProfile(EVIL, [Source(EVIL, 1, (EVIL,)), LineCost(POINT, EVIL, EVIL, 1, 1, 1.0), *NOTED])


def memory() -> Result:
    nodes = [NodeMemory(POINT, EVIL, 9, 9, 9, 1, 9, 0, 0), RunMemory(POINT, 9, 1, 9, 0, 0, wall_s=1.0)]
    line, active = LineMemory(POINT, EVIL, EVIL, 1, 1, 9, 9, 9, 0, 0), NodeActivity(POINT, EVIL, 0.1, 0.9)
    stack = Stack(POINT, EVIL, ((EVIL, EVIL, 1),), 9.0, "B")
    return MemoryProfile(EVIL, [*nodes, line, HeapPoint(POINT, 0.5, 9, 9), active, stack, Source(EVIL, 1, (EVIL,)), *NOTED])


def trace() -> Result:
    span = Span(POINT, 0, 0, None, EVIL, "exec", EVIL, 0.0, 1.0, EVIL, None, 1, "ok")
    return Trace(EVIL, [Traced(POINT, 1.0, 1, 0.0, 0.0), span, *NOTED])


def leaks() -> Result:
    left = [Leftover(POINT, run, "thread", EVIL, EVIL, EVIL, EVIL, 1, MAIN) for run in range(1, 9)]
    readings = [MemoryReading(POINT, run, MAIN, 100, 100, 100) for run in range(9)]
    return LeakReport(EVIL, [*left, *readings, *NOTED])


def monitor() -> Result:
    return MonitorSnapshot(
        "60 s", [NodeTraffic(graph, EVIL, 1, 0, 1.0, 0.0, 60.0, 1.0, (), ((1, 1),)) for graph in (EVIL, "b")]
    )


RESULTS = [bench, comparison, cpu, lines, memory, trace, leaks, monitor]


class Elements(HTMLParser):
    """The tags of a page, its text, and how often a script is opened."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""
        self.feed(str(html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("make", RESULTS, ids=lambda make: make.__name__)
def test_a_result_shows_every_text_of_a_user_as_text(make: Callable[[], Result], tmp_path: Path) -> None:
    result = make()
    html = result.to_html()
    assert type(html) is str
    for shown in (html, result.save_html(tmp_path / "page.html").read_text()):
        elements = Elements(shown)
        assert not {"img", "b"} & set(elements.tags)
        assert shown.count("</script>") == elements.tags.count("script")
        assert "<img src" in elements.text, "long names lose their middle"
    assert type(result._repr_mimebundle_()["text/html"]) is str


def test_names_and_tags_of_the_history_stay_text() -> None:
    entry = Entry(1, EVIL, "bench", EVIL, 0.0, 1.0, "done", 1, (EVIL,), {"command_line": EVIL}, "1")
    elements = Elements(history_table(history_frame([entry])).to_html())
    assert not {"img", "b"} & set(elements.tags)
    assert elements.text.count(EVIL) == 2


def test_a_line_of_progress_stays_text() -> None:
    elements = Elements(_Line(EVIL).data)
    assert elements.tags == ["span"]
    assert elements.text == EVIL


def test_only_markup_is_html() -> None:
    untyped: list[Markup] = ["<img>"]  # type: ignore[list-item]
    assert "<img>" not in fragment("<img>", untyped)
    assert "<img>" not in page("<img>", Markup(""))
    assert "<img>" not in paragraphs(["<img>"]) + note("<img>")
    assert "<em>" in fragment("", [Markup("<em>")])


@pytest.mark.parametrize("make", RESULTS, ids=lambda make: make.__name__)
def test_codes_and_lone_surrogates_reach_no_face_and_pictures_are_drawn(
    make: Callable[[], Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = f"²{CODES}$\\frac$ {{\n"
    points = [Point(text, size, 1, text, "run") for size in (1, 2)]
    noted: list[Record] = [Caveat("code", text), Failure(points[1], (("", text, ((text, 1, text),)),))]
    for name, value in {"EVIL": text, "POINT": points[0], "LARGER": points[1], "NOTED": noted}.items():
        monkeypatch.setitem(globals(), name, value)
    result = make()
    result.records = tuple(map(valid_record, result.records))  # as they come from a pipe
    faces = [str(result), repr(result), result.to_html(), result.save_html(tmp_path / "page.html").read_text()]
    for is_terminal in (False, True):
        console = Console(file=io.StringIO(), force_terminal=is_terminal, color_system=None, width=200)
        texts = (result.findings, result.failures, result.caveats)
        print_result(console, result.title, result.table, *texts, result.error)
        faces.append(console.file.getvalue())  # type: ignore[attr-defined]
    for face in faces:
        assert printable(face) == face
    assert not any("\n" in cell for row in result.table.rows for cell in row)
    result.plot().savefig(io.BytesIO(), format="png")


def test_codes_in_the_history_reach_no_face(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Archive(tmp_path / "history.db") as archive:
        archive.tag(_written(archive), CODES.replace("\x00", ""))
    history = History(tmp_path / "history.db")
    for face in (str(history), history._repr_mimebundle_()["text/html"]):
        assert printable(face) == face
        assert r"\x1b[2J" in face


def _written(archive: Archive) -> Entry:
    archive.begin("bench", CODES, CODES, {"command_line": CODES}).close("done")
    return archive.find(CODES)
