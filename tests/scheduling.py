"""The order of the tests on the workers of pytest-xdist: the slow rooms first, the tests marked `timing` alone at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

_TIMING = "timing"
_SLOW_ROOMS = ("tests/notebook", "tests/lab", "tests/test_cli", "tests/measure", "tests/profile")


def in_order(items: list[pytest.Item], on_worker: bool) -> list[pytest.Item]:
    """The tests marked `timing` last; on a worker the slow rooms first, so that no worker is left with a long one."""

    def rank(item: pytest.Item) -> int:
        if item.get_closest_marker("timing"):
            return len(_SLOW_ROOMS) + 1
        rooms = [index for index, room in enumerate(_SLOW_ROOMS) if item.nodeid.startswith(room)]
        return rooms[0] if on_worker and rooms else len(_SLOW_ROOMS)

    return sorted(items, key=rank)


def write_timing(items: list[pytest.Item], path: Path) -> None:
    """Tell the scheduler which tests are marked: it lives in the controller, which sees ids only."""
    path.write_text("\n".join(item.nodeid for item in items if item.get_closest_marker("timing")))


class TimingLast(LoadScopeScheduling):
    """One module is one unit of work, so that its kernel, browser and shared results exist once.

    The tests marked `timing` are the last unit: it starts on one worker when every other worker has left.
    """

    def __init__(self, config: pytest.Config, log: Producer | None, folder: Path) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # keep the order of the collection
        self._folder = folder
        self._timing: set[str] = set()

    def schedule(self) -> None:
        self._timing = {line for path in self._folder.glob("timing-*") for line in path.read_text().splitlines()}
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return _TIMING if nodeid in self._timing else nodeid.split("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        if _TIMING in self.workqueue:
            self.workqueue.move_to_end(_TIMING)  # a module that comes back from a crashed worker goes before it
        if next(iter(self.workqueue)) != _TIMING:
            super()._assign_work_unit(node)
            return
        others = [other for other in self.nodes if other is not node]
        if not all(other.shutting_down for other in others):
            node.shutdown()  # it runs what it has and leaves
        elif not any(self._pending_of(self.assigned_work[other]) for other in others):
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """A worker holds its last test back until it has another one, or is told that there is none."""
        if node not in self.registered_collections:
            return  # it has not begun
        super()._reschedule(node)
        left = 0
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2 and left != len(self.workqueue):
            left = len(self.workqueue)
            super()._reschedule(node)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        if node.shutting_down:
            self._reschedule_others(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test that crashed the worker: it has failed and is not run again.

        pytest-xdist gives the finished modules of a crashed worker out once more, and waits for ever for their ends.
        """
        work = self.assigned_work[node]
        crashed = next((test for unit in work.values() for test, is_done in unit.items() if not is_done), None)
        for unit in work.values():
            if crashed in unit:
                unit[crashed] = True
        self.assigned_work[node] = {scope: unit for scope, unit in work.items() if not all(unit.values())}
        super().remove_node(node)
        self._reschedule_others(node)
        return crashed

    def _reschedule_others(self, node: WorkerController) -> None:
        for other in self.nodes:
            if other is not node:
                self._reschedule(other)
