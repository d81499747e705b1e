"""An address at which no scheduler can be used is refused in one sentence, within seconds, and leaves nothing behind."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from clusters import ForeignCluster

from pocket_lab.errors import UsageError
from pocket_lab.executors.cluster import joined
from pocket_lab.executors.cluster.environment import refuse_other_package, refuse_other_versions
from pocket_lab.executors.registry import EXECUTORS, is_remote, open_pool, parse_executor

LONGEST_S = 20.0  # five on a machine that has nothing else to do


def refusal(address: str, size: int = 1) -> str:
    """The sentence."""
    begun_s = time.monotonic()
    with open_pool(address, size) as pool, pytest.raises(UsageError) as caught:
        list(pool.imap(abs, [1]))
    assert time.monotonic() - begun_s < LONGEST_S
    text = str(caught.value)
    assert text.startswith(f"executor '{address}'")
    assert "\n" not in text
    return text


@pytest.fixture
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def web() -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, name="web")
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "address",
    [
        "tcp://host",
        "tcp://:8786",
        "http://host:8787",
        "tcp://host:0",
        "tcp://host:99999",
        "tcp://a b:1",
        "inproc://1/2",
        "://",
        "tcp://h:1/x",
    ],
)
def test_what_is_no_address_of_a_scheduler_is_refused_before_anything_is_tried(address: str) -> None:
    with pytest.raises(UsageError, match=r"is no address of a scheduler of Dask: write for example tcp://host:8786"):
        parse_executor(address)


@pytest.mark.parametrize("address", ["tcp://host:8786", "tls://host:8786", "tcp://[::1]:8786", "tcp://10.0.0.1:1"])
def test_an_address_is_an_executor_whose_workers_are_other_processes(address: str) -> None:
    assert parse_executor(address) == address
    assert is_remote(address)


def test_a_client_or_a_cluster_stands_for_its_address() -> None:
    class Server:
        address = "tcp://host:1"

    class Client:
        scheduler = Server()

    class Cluster:
        scheduler_address = "tcp://host:2"

    assert [parse_executor(given) for given in (Client(), Cluster())] == ["tcp://host:1", "tcp://host:2"]


@pytest.mark.parametrize("given", ["gpu", "", 3, None, object, ["threads"]])
def test_anything_else_is_refused_with_the_names_and_an_example(given: Any) -> None:
    with pytest.raises(UsageError, match=r"is not known; choose from .*cluster, or give the address of a scheduler") as caught:
        parse_executor(given)
    assert all(name in str(caught.value) for name in EXECUTORS)


def test_a_port_on_which_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "cannot be reached" in refusal(f"tcp://127.0.0.1:{port}")


def test_a_host_that_does_not_exist() -> None:
    assert "cannot be reached" in refusal("tcp://no-such-host.invalid:8786")


def test_a_server_that_says_nothing(silent: str) -> None:
    assert "is silent, and no scheduler of Dask" in refusal(f"tcp://{silent}")


def test_a_web_server(web: str) -> None:
    assert "is an HTTP server, and no scheduler of Dask" in refusal(f"tcp://{web}")


def test_tls_without_certificates(silent: str) -> None:
    text = refusal(f"tls://{silent}")
    assert "needs certificates: set distributed.comm.tls.ca-file" in text


def test_the_address_of_a_worker_names_that_of_its_scheduler(foreign: ForeignCluster) -> None:
    with open_pool(foreign.address, 1) as pool:
        (worker, *_) = pool.everywhere(lambda: __import__("distributed").get_worker().address)
    text = refusal(worker)
    assert f"is the address of a worker, whose scheduler is at {foreign.address}" in text


def test_more_workers_than_there_are_slots(foreign: ForeignCluster) -> None:
    assert "has 4 slots (threads of its workers), and 5 workers were requested: use at most 4" in refusal(foreign.address, 5)


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "_WORKERS_S", 0.3)
    with ForeignCluster(0, 1) as empty:
        assert f"has no workers: start some, for example with `dask worker {empty.address}`" in refusal(empty.address)


def versions(python: str = "", **packages: str | None) -> dict[str, Any]:
    import platform

    here = {"dask": "1", "distributed": "1", "cloudpickle": "3", "numpy": "2", "pandas": "2", "scipy": "1"}
    there = {"host": {"python": python or f"{platform.python_version()}.final.0"}, "packages": {**here, **packages}}
    return {"client": {"packages": here}, "workers": {"tcp://w:1": there}}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (versions(python="3.9.1.final.0"), "tcp://w:1 has Python 3.9, and here it is 3"),
        (versions(distributed="2"), r"tcp://w:1 has distributed 2 \(here 1\)"),
        (versions(cloudpickle=None), r"tcp://w:1 has cloudpickle is missing|cloudpickle is missing \(here 3\)"),
    ],
)
def test_other_versions_on_a_worker_are_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        refuse_other_versions("tcp://s:1", given)


def test_the_same_versions_are_accepted() -> None:
    refuse_other_versions("tcp://s:1", versions())


@pytest.mark.parametrize(("version", "named"), [(None, "has no pocket-lab"), ("0.0.0", "has pocket-lab 0.0.0")])
def test_a_worker_without_this_version_of_the_package_is_named(version: str | None, named: str) -> None:
    with pytest.raises(UsageError, match=f"the worker tcp://w:1 {named}, and here it is"):
        refuse_other_package("tcp://s:1", "tcp://w:1", version)
