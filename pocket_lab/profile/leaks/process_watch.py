"""A watch over one process: which resources the runs left, and how much memory there was after each run."""

from __future__ import annotations

import time
from collections.abc import Hashable

from pocket_lab.executors.worker_state import STATE
from pocket_lab.profile.leaks.creation_sites import CreationSites
from pocket_lab.profile.leaks.footprint import Footprint, footprint
from pocket_lab.profile.leaks.resources import Resource, list_resources

_POLL_S = 0.02


class Watch:
    """Call `begin`, `set_baseline`, `observe` after each run, `remaining` at the end, and `close`, which removes patches."""

    def __init__(self) -> None:
        self._creation_sites = CreationSites()
        self._baseline: set[Hashable] = set()
        self._new: dict[Hashable, tuple[int, Resource]] = {}

    def begin(self) -> None:
        """Record from now on where resources are created."""
        self._creation_sites.__enter__()

    def set_baseline(self) -> Footprint:
        """Take the present resources as the baseline, and return the memory.

        Observes once before, so that what the observation itself keeps is in the baseline too.
        """
        self.observe(0)
        self._baseline = {resource.key for resource in list_resources(self._creation_sites)}
        self._new = {}
        return footprint()

    def observe(self, run: int) -> Footprint:
        """Return the memory after a run; resources that are new since the last observation are attributed to this run."""
        memory = footprint()
        present = {
            resource.key: resource for resource in list_resources(self._creation_sites) if resource.key not in self._baseline
        }
        self._new = {key: self._new.get(key, (run, resource)) for key, resource in present.items()}
        return memory

    def keeps_leaving(self) -> bool:
        """Whether three runs or more left something that is still there."""
        return len({run for run, _ in self._new.values()}) >= 3

    def remaining(self, patience_s: float) -> list[tuple[int, Resource]]:
        """Return what the runs left, with the run after which it was first seen; waits for resources that are about to end."""
        end_s = time.monotonic() + patience_s
        while self._new and time.monotonic() < end_s:
            time.sleep(_POLL_S)
            present = {resource.key for resource in list_resources(self._creation_sites)}
            self._new = {key: found for key, found in self._new.items() if key in present}
        return list(self._new.values())

    def close(self) -> None:
        """Restore the state before `begin`."""
        self._creation_sites.__exit__()


def begin_here() -> None:
    """Watch this process; this function and those below are called in each worker process of a pool."""
    STATE.replace(Watch, _begun)


def set_baseline_here() -> Footprint:
    """Call `Watch.set_baseline`."""
    return _watch_here().set_baseline()


def observe_here(run: int) -> Footprint:
    """Call `Watch.observe`."""
    return _watch_here().observe(run)


def keeps_leaving_here() -> bool:
    """Call `Watch.keeps_leaving`."""
    return _watch_here().keeps_leaving()


def remaining_here(patience_s: float) -> list[tuple[int, Resource]]:
    """Call `Watch.remaining`."""
    return _watch_here().remaining(patience_s)


def end_here() -> None:
    """End the watch of this process."""
    STATE.close(Watch)


def _watch_here() -> Watch:
    return STATE.get_or_create(Watch, _begun_with_baseline)  # a worker that replaces a dead one has none


def _begun() -> Watch:
    watch = Watch()
    watch.begin()
    return watch


def _begun_with_baseline() -> Watch:
    watch = _begun()
    watch.set_baseline()
    return watch
