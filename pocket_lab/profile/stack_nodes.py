"""The node that runs, by the code on the stack: for an instrument without marker frames."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from pocket_lab.profile.given_work import GivenWork
from pocket_lab.profile.node_code import NodeCode, NodeFinder, node_codes


class StackNodes:
    """From `start` to `close` a call says which node runs here; what a node gives to a thread has the node, too.

    It is sent to worker processes without the functions of the nodes, of which it takes the lines.
    """

    elsewhere = "outside the lines of the nodes"

    def __init__(self, codes: Iterable[NodeCode]) -> None:
        self._codes = [replace(code, function=len) for code in codes]
        self._finder = NodeFinder(self._codes)
        self._here = threading.local()
        self._given_work = GivenWork(self._inheriting)

    @classmethod
    def of(cls, target: Any, label: str) -> StackNodes:
        """Those of a graph, or of a callable under its label."""
        return cls(node_codes(target, label)[0])

    def __reduce__(self) -> tuple[type[StackNodes], tuple[list[NodeCode]]]:
        return StackNodes, (self._codes,)

    def start(self) -> None:
        """Begin to follow threads."""
        self._given_work.start()

    def close(self) -> None:
        """End."""
        self._given_work.close()

    def __call__(self) -> str | None:
        """The innermost node on the stack, else the one that has started this thread."""
        nodes = self._finder.nodes(_frames(sys._getframe(1)))
        return nodes[0] if nodes else getattr(self._here, "node", None)

    def _inheriting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        node = self()
        return function if node is None else partial(self._call_for, node, function)

    def _call_for(self, node: str, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        before, self._here.node = getattr(self._here, "node", None), node
        try:
            return function(*args, **options)
        finally:
            self._here.node = before


def _frames(frame: FrameType | None) -> Iterator[tuple[str, str, int]]:
    while frame is not None:
        yield "", frame.f_code.co_filename, frame.f_lineno or 0
        frame = frame.f_back
