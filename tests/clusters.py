"""Clusters of Dask for tests: one that many tests share, and one that somebody else has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import ClassVar

from pocket_lab.executors.cluster.own import OwnCluster
from pocket_lab.executors.cluster.pool import ClusterPool

_FOREIGN = """
import asyncio, os, sys, tempfile
import dask
dask.config.set({"logging": {"distributed": "critical"}, "distributed.nanny.pre-spawn-environ": {}})
from distributed import LocalCluster

async def serve(workers, threads, folder):
    cluster = await LocalCluster(n_workers=workers, threads_per_worker=threads, host="127.0.0.1",
                                 dashboard_address="127.0.0.1:0", local_directory=folder, asynchronous=True)
    print(cluster.scheduler_address, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await cluster.close()

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), folder))
"""


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


class ForeignCluster:
    """A cluster in another process, with nannies that replace workers that die; a context manager."""

    def __init__(self, workers: int, threads: int) -> None:
        command = [sys.executable, "-c", _FOREIGN, str(workers), str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()

    def __enter__(self) -> ForeignCluster:
        return self

    def kill(self) -> None:
        """Kill the scheduler, and with it the rest."""
        os.killpg(self._process.pid, signal.SIGKILL)

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
