"""A watch over one process: what came between two runs and is still there, and how much memory there was after each."""

from __future__ import annotations

import time
from collections.abc import Hashable

from pocket_lab.executors.worker_state import STATE
from pocket_lab.profile.leaks.creation_sites import CreationSites
from pocket_lab.profile.leaks.footprint import Footprint, footprint
from pocket_lab.profile.leaks.resources import Resource, list_resources

_NAP_S = 0.02


class Watch:
    """`begin`, then after each run `look`, at the end what is `left`; `close` leaves nothing installed."""

    def __init__(self) -> None:
        self._births = CreationSites()
        self._known: set[Hashable] = set()
        self._came: dict[Hashable, tuple[int, Resource]] = {}

    def begin(self) -> None:
        """Note from now on where resources are made."""
        self._births.__enter__()

    def know(self) -> Footprint:
        """What is there now belongs here; a first look is for what looking itself keeps."""
        self.look(0)
        self._known = {resource.key for resource in list_resources(self._births)}
        self._came = {}
        return footprint()

    def look(self, run: int) -> Footprint:
        """A run has ended: what is there beyond what was known is from it, if not from an earlier one."""
        memory = footprint()
        here = {resource.key: resource for resource in list_resources(self._births) if resource.key not in self._known}
        self._came = {key: self._came.get(key, (run, resource)) for key, resource in here.items()}
        return memory

    def left(self, patience_s: float) -> list[tuple[int, Resource]]:
        """What the runs left, each with the run after which it was first seen; what is about to end is given time to."""
        end_s = time.monotonic() + patience_s
        while self._came and time.monotonic() < end_s:
            time.sleep(_NAP_S)
            here = {resource.key for resource in list_resources(self._births)}
            self._came = {key: came for key, came in self._came.items() if key in here}
        return list(self._came.values())

    def close(self) -> None:
        """Everything as it was before `begin`."""
        self._births.__exit__()


def begin_here() -> None:
    """Watch this process; as the other functions below, one to be called on each worker process of a pool."""
    STATE.replace(Watch, _begun)


def know_here() -> Footprint:
    """As `Watch.know`."""
    return _of_here().know()


def look_here(run: int) -> Footprint:
    """As `Watch.look`."""
    return _of_here().look(run)


def left_here(patience_s: float) -> list[tuple[int, Resource]]:
    """As `Watch.left`."""
    return _of_here().left(patience_s)


def end_here() -> None:
    """Watch no longer."""
    STATE.close(Watch)


def _of_here() -> Watch:
    return STATE.get_or_create(Watch, _begun_and_known)  # there is none in a worker that replaces one that died


def _begun() -> Watch:
    watch = Watch()
    watch.begin()
    return watch


def _begun_and_known() -> Watch:
    watch = _begun()
    watch.know()
    return watch
