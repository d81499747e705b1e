"""Events of a line that went on, not of one that began again: since Python 3.12 they would be hits too many.

sys.monitoring reports a line where it differs from that of the instruction before. An exception that is handled on the line
that raised it, such as that of a cancelled await or of `with suppress(KeyError): fails()`, and a yield inside an expression may
separate two instructions of one line, depending on the version: it then has a second event. Such events follow an exception
that is handled, or a resumption, in the same frame; so their lines are watched from then on, and only in that code.
"""

from __future__ import annotations

import dis
import sys
import threading
from collections import Counter
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from itertools import pairwise
from types import CodeType
from typing import Any

from pocket_lab.errors import UsageError

_MONITORING: Any = getattr(sys, "monitoring", None)  # mypy checks for Python 3.11
_IDS = (4, 3, 5, 1, 0)  # the first two are for any tool; line_profiler has 2
_NAME = "pocket-lab"


class RepeatedEvents:
    """Counts them from `start` to `stop`, in every thread: `counts` has them by the index of the code and the line."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, int]] = Counter()
        self._indexes: dict[bytes, int] = {}  # by the bytes of the code, which line_profiler tells code objects apart by
        self._watched: list[tuple[CodeType, int]] = []
        self._tool: int | None = None
        self._lock = threading.Lock()
        self._thread = threading.local()

    def add(self, code: CodeType, index: int) -> None:
        """Count those of a code object, which line_profiler has padded."""
        self._indexes[code.co_code] = index
        if _MONITORING is not None and _is_resumed_within_a_line(code):
            self._watch(code, _MONITORING.events.PY_RESUME | _MONITORING.events.LINE)

    def start(self) -> None:
        """Begin to count. Raises UsageError if other tools have all ids of sys.monitoring."""
        if self._tool is not None:
            return
        free = [number for number in _IDS if _MONITORING.get_tool(number) is None]
        if not free:
            tools = ", ".join(_MONITORING.get_tool(number) for number in _IDS)
            raise UsageError(f"a profile of lines needs an id of sys.monitoring, and {tools} have all: stop one of these tools")
        self._tool, events = free[0], _MONITORING.events
        _MONITORING.use_tool_id(self._tool, _NAME)
        callbacks = {events.LINE: self._line, events.PY_RESUME: self._resumed, events.EXCEPTION_HANDLED: self._handled}
        for event, callback in callbacks.items():
            _MONITORING.register_callback(self._tool, event, callback)
        _MONITORING.set_events(self._tool, events.EXCEPTION_HANDLED)
        for code, watched in self._watched:
            _MONITORING.set_local_events(self._tool, code, watched)

    def stop(self) -> None:
        """Give the id back."""
        if self._tool is None:
            return
        events = _MONITORING.events
        with self._lock:
            tool, self._tool = self._tool, None
            _MONITORING.set_events(tool, 0)
            for code, _ in self._watched:
                _MONITORING.set_local_events(tool, code, 0)
        for event in (events.LINE, events.PY_RESUME, events.EXCEPTION_HANDLED):
            _MONITORING.register_callback(tool, event, None)
        _MONITORING.free_tool_id(tool)

    def _watch(self, code: CodeType, events: int) -> None:
        with self._lock:
            self._watched.append((code, events))
            if self._tool is not None:
                _MONITORING.set_local_events(self._tool, code, events)

    def _handled(self, code: CodeType, handler: int, _: BaseException) -> None:
        if code.co_code not in self._indexes:
            return
        if self._tool is not None and not _MONITORING.get_local_events(self._tool, code):
            self._watch(code, _MONITORING.events.LINE)
        frame = sys._getframe(1)
        self._thread.last = id(frame), frame.f_lineno, min(handler, frame.f_lasti + 1)

    def _resumed(self, code: CodeType, offset: int) -> None:
        frame = sys._getframe(1)
        self._thread.last = id(frame), frame.f_lineno, offset

    def _line(self, code: CodeType, line: int) -> Any:
        """An event of the line on which this frame was already, at a later instruction, is a repetition."""
        last = getattr(self._thread, "last", None)
        if last is None:
            return _MONITORING.DISABLE  # this instruction is not reached by an exception
        frame = sys._getframe(1)
        number, before, first = last
        if number == id(frame):
            self._thread.last = None
            if line == before and frame.f_lasti >= first:
                with self._lock:
                    self.counts[self._indexes[code.co_code], line] += 1
        return None


def _is_resumed_within_a_line(code: CodeType) -> bool:
    """Whether a yield is followed by an instruction that another one jumps to, as in `(yield 1) or (yield 2)`."""
    if not code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        return False
    steps = pairwise(dis.get_instructions(code))
    return any(step.opname == "RESUME" and step.arg and after.is_jump_target for step, after in steps)
