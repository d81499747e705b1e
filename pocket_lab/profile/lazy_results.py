"""The lazy results of nodes for an instrument that samples stacks, and what it cannot attribute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pocket_lab.graph.observers import Event, Run, Sink, Yielded
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe


class Marks:
    """An observer that has the stacks of lazy results marked, and keeps which of them cannot be: `opaque`."""

    lazy_results = "marked"

    def __init__(self) -> None:
        self.opaque: set[tuple[str, str]] = set()

    def begin(self, run: Run) -> Sink:
        """The sink for all events."""
        return self._record

    def _record(self, event: Event) -> None:
        details = event[4]
        if details.__class__ is Yielded:
            self.opaque |= opaque([event])


def opaque(events: Iterable[Event]) -> set[tuple[str, str]]:
    """The nodes that returned an iterator that could not be followed, with its class."""
    return {
        (node, details.kind)
        for node, _, _, _, details in events
        if isinstance(details, Yielded) and details.outcome == "opaque"
    }


def unconsumed(events: Iterable[Event]) -> set[str]:
    """The nodes with a lazy result that nothing has resumed."""
    resumptions: dict[tuple[str, float], int] = {}
    for node, _, _, _, details in events:
        if isinstance(details, Yielded) and details.outcome != "opaque":
            key = node, details.visit_s
            resumptions[key] = resumptions.get(key, 0) + details.resumptions
    return {node for (node, _), count in resumptions.items() if not count}


def unconsumed_caveats(point: Point, nodes: Iterable[str]) -> Iterator[Caveat]:
    """A Caveat for each of these nodes."""
    for node in sorted(nodes):
        message = f'{describe(point)}: node "{node}" returns a generator that nothing consumes, so its work is in no figure'
        yield Caveat("lazy-result", message, point)


def opaque_caveats(point: Point, found: Iterable[tuple[str, str]]) -> Iterator[Caveat]:
    """A Caveat for each of these nodes."""
    for node, kind in sorted(found):
        message = (
            f'{describe(point)}: node "{node}" returns an iterator of its own ({kind}), whose work counts for its consumer'
        )
        yield Caveat("lazy-opaque", f"{message}; that of a generator counts for the node that returns it", point)
