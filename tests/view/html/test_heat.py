"""The heat of lines: blocks per node, the functions in them, and totals in which no time is twice."""

from __future__ import annotations

import re

from pocket_lab.frames.lines import lines_frame
from pocket_lab.records.point import Point
from pocket_lab.records.sources import CALLERS, LineCost, Source
from pocket_lab.view.html.heat import heat_html

POINT = Point("graph", 1, 1, "serial", "run")
SOURCES = [Source("f.py", 1, ("def layer():", "    return call()", "", "", "def work():", "    return sum(i for i in x)"))]


def cost(node: str, line: int, time_s: float, function: str, inside: str = "") -> LineCost:
    return LineCost(POINT, node, "f.py", line, 1, time_s, function, inside)


def rows(html: str) -> list[str]:
    found = [re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", row)).strip() for row in re.findall("<h4>.*?</h4>|<tr.*?</tr>", html)]
    return [row for row in found if not row.startswith("line hits")]


def test_each_function_of_a_node_is_named_and_the_total_is_that_of_the_outermost() -> None:
    costs = [
        cost("work", 1, 0.0, "layer"),
        cost("work", 2, 0.004, "layer"),
        cost("work", 5, 0.0, "work", "layer"),
        cost("work", 6, 0.003, "work", "layer"),
        cost("work", 6, 0.002, "work.<locals>.<genexpr>", "work"),
        cost("helper()", 6, 0.001, "helper", CALLERS),
    ]
    found = rows(heat_html(lines_frame([*SOURCES, *costs])))
    assert found[0] == "work · 4.00 ms · 100 %"
    assert found[3] == "work, called by layer"
    assert found[5].endswith("75 % return sum(i for i in x)")
    assert found[6].endswith("50 % in work.&lt;locals&gt;.&lt;genexpr&gt;")
    assert found[7] == "helper() · 1.00 ms · within its callers"


def test_lines_of_the_same_number_in_another_file_are_another_function() -> None:
    costs = [cost("work", 1, 0.004, "layer"), LineCost(POINT, "work", "g.py", 1, 1, 0.003, "work", "layer")]
    assert rows(heat_html(lines_frame(costs)))[2] == "work, called by layer"
