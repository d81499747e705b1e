"""Clusters of Dask for tests: one that many tests share, and one that somebody else has started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, ClassVar

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


class Relay:
    """Forwards connections to a port, new ones as long as it `is_open`; `cut` ends all of them. A context manager."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self.is_open = True
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name="relay", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            if not self.is_open:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._port))
            self._ends += [here, there]
            self._start(self._pump, here, there)
            self._start(self._pump, there, here)

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End every connection."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        ends = list(self._ends)
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in ends:
            end.close()
