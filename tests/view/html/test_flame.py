"""The flame graph: widths, places, what is left out, and that nothing in it can break the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from pocket_lab.frames.calls import times_frame
from pocket_lab.records.point import Point
from pocket_lab.records.sources import Stack
from pocket_lab.view.html.flame import flame_html

POINT = Point("graph", 1, 1, "serial", "run")
SVG = "{http://www.w3.org/2000/svg}"


def calls(*stacks: tuple[str, tuple[str, ...], float]) -> pd.DataFrame:
    return times_frame(
        Stack(POINT, node, tuple((name, "file.py", 1) for name in names), weight, "s") for node, names, weight in stacks
    )


def cells(html: str) -> dict[str, tuple[float, float, int]]:
    """Name -> (left, width, row) in shares of the whole."""
    svg = re.search(r"<svg role.*</svg>", html)
    assert svg
    root = ET.fromstring(svg[0])
    found = {}
    for cell in root.findall("svg"):
        name = (cell.findtext("text") or "", cell.attrib["data-d"])
        found[f"{name[0]}@{name[1]}"] = float(cell.attrib["data-x"]), float(cell.attrib["data-w"]), int(cell.attrib["data-d"])
    return found


def drawn(frame: pd.DataFrame) -> str:
    return flame_html(frame, "total_s", "{:.2f} s".format, "all")


def test_a_call_stands_within_its_caller_as_wide_as_its_share() -> None:
    found = cells(drawn(calls(("a", ("f", "g"), 3.0), ("a", ("f", "h"), 1.0), ("a", ("f",), 2.0), ("b", ("f",), 4.0))))
    assert found["all@0"] == (0, 1, 0)
    assert found["a@1"] == (0, pytest.approx(0.6), 1)
    assert found["b@1"] == (pytest.approx(0.6), pytest.approx(0.4), 1)
    assert found["g@3"] == (0, pytest.approx(0.3), 3)
    assert found["h@3"] == (pytest.approx(0.3), pytest.approx(0.1), 3)


def test_what_is_too_narrow_or_too_deep_is_left_out_and_the_rest_keeps_its_place() -> None:
    deep = tuple(f"f{number}" for number in range(3000))
    found = cells(drawn(calls(("a", ("wide",), 1000.0), ("a", ("narrow",), 0.01), ("b", deep, 500.0))))
    assert "wide@2" in found
    assert not any(name.startswith("narrow") for name in found)
    assert max(depth for _, _, depth in found.values()) == 80


def test_a_deep_call_that_is_narrow_does_not_make_the_picture_high() -> None:
    deep = tuple(f"f{number}" for number in range(40))
    for weight, rows in ((1.0, 3), (30.0, 42)):
        assert f'height="{rows * 18}"' in drawn(calls(("a", ("wide",), 997.0), ("b", deep, weight)))


def test_names_cannot_break_the_page_and_two_pictures_have_two_identities() -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    html = drawn(calls((evil, (evil,), 1.0)))
    assert "<img" not in html
    assert html.count("</script>") == 1
    assert re.findall(r'id="([^"]+)"', html) != re.findall(r'id="([^"]+)"', drawn(calls(("a", ("f",), 1.0))))


def test_nothing_seen_is_no_picture() -> None:
    assert drawn(calls()) == ""


def test_the_tree_is_depth_first_heaviest_first_and_sums_up() -> None:
    frame = calls(("a", ("f", "g"), 1.0), ("b", ("x",), 5.0), ("a", ("f", "h"), 3.0))
    assert list(zip(frame["function"], frame["depth"], strict=True)) == [
        ("b", 0),
        ("x", 1),
        ("a", 0),
        ("f", 1),
        ("h", 2),
        ("g", 2),
    ]
    assert frame["self_s"].sum() == pytest.approx(9.0)
    assert list(frame["total_s"]) == [5.0, 5.0, 4.0, 4.0, 3.0, 1.0]
    assert frame["cpu_s"].isna().all()
