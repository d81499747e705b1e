"""A line that an exception or a resumption does not leave has no second hit, on any version of Python."""

from __future__ import annotations

import sys

import pytest
from line_programs import ASYNC, PLAIN, program_of, wrong

from pocket_lab import Graph, Node, UsageError, lines

NEW = ["thrown generator", "yields in a line", "errors in a line", "closed generator"]


@pytest.mark.parametrize("part", [*NEW, "cancelled tasks", "time limits", "async generator"])
def test_each_line_counts_once_each_time(part: str) -> None:
    is_async = part not in PLAIN
    program = program_of([([(part, 3), (part, 2)], [], True)], is_async)
    executor = "asyncio" if is_async else "threads"
    assert part in (ASYNC if is_async else PLAIN)
    frame = lines(program.graph, size=2, executor=executor, workers=2, isolation="kernel").frame
    assert not wrong(frame, program, 2)


def fails(value: int) -> int:
    return value


if sys.version_info >= (3, 12):  # there is sys.monitoring

    def test_other_tools_that_have_all_ids_are_named() -> None:
        monitoring = sys.monitoring
        taken = [number for number in range(6) if number != monitoring.PROFILER_ID and monitoring.get_tool(number) is None]
        for number in taken:
            monitoring.use_tool_id(number, f"tool {number}")
        try:
            with pytest.raises(UsageError, match=r"needs an id of sys\.monitoring.*tool 4.*stop one of these tools"):
                lines(Graph(Node("plain", exec=fails)), size=1, isolation="kernel")
        finally:
            for number in taken:
                monitoring.free_tool_id(number)
        assert lines(Graph(Node("plain", exec=fails)), size=1, isolation="kernel").frame["hits"].sum() == 1
