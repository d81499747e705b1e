"""A cluster that many tests share."""

from __future__ import annotations

import os
from typing import ClassVar

from pocket_lab.executors.cluster.own import OwnCluster
from pocket_lab.executors.cluster.pool import ClusterPool


class SharedCluster(OwnCluster):
    """A cluster that outlives the pools on it."""

    living: ClassVar[list[SharedCluster]] = []

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.living.append(self)

    def close(self) -> None:
        """Only `end` closes it."""

    def end(self) -> None:
        """Close it."""
        self.living.remove(self)
        super().close()

    def traces(self) -> set[str]:
        """The processes that it has now, and the pipes by which it knows that they live."""
        processes = list(self._processes.values())
        return {str(process.pid) for process in processes} | {os.readlink(f"/proc/self/fd/{p.sentinel}") for p in processes}

    def pool(self, size: int) -> ClusterPool:
        """A pool as the executor "cluster" opens it."""
        return ClusterPool("cluster", size, lambda: self)
