"""Resources and where they are created: every kind, and no patch remains."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from pocket_lab.profile.leaks.creation_sites import CreationSites
from pocket_lab.profile.leaks.footprint import footprint
from pocket_lab.profile.leaks.origin import is_library, origin_of
from pocket_lab.profile.leaks.process_watch import Watch
from pocket_lab.profile.leaks.resources import Resource, list_resources
from pocket_lab.profile.node_code import NodeFinder, node_codes


def new_by_kind(creation_sites: CreationSites, known: set[Any]) -> dict[str, Resource]:
    return {resource.kind: resource for resource in list_resources(creation_sites) if resource.key not in known}


def origin(resource: Resource) -> tuple[str, str]:
    """The first frame of its stack outside the libraries."""
    _, (function, file, _) = origin_of(resource.stack, NodeFinder([]))
    return function, file


def test_each_kind_is_listed_with_its_name_and_the_function_that_created_it(tmp_path: Path) -> None:
    end = threading.Event()
    with CreationSites() as creation_sites:
        known = {resource.key for resource in list_resources(creation_sites)}
        thread = threading.Thread(target=end.wait, daemon=True, name="left alone")
        thread.start()
        process = subprocess.Popen(["sleep", "30"], stdout=subprocess.DEVNULL)
        file = (tmp_path / "open.txt").open("w")
        listening = socket.create_server(("127.0.0.1", 0))
        read, write = os.pipe()
        found = new_by_kind(creation_sites, known)
    try:
        assert set(found) == {"daemon thread", "process", "file", "socket", "pipe"}
        assert found["daemon thread"].name == "left alone"
        assert found["process"].name == "sleep 30"
        assert found["file"].name == str(tmp_path / "open.txt")
        assert found["socket"].name == f"tcp 127.0.0.1:{listening.getsockname()[1]}, listening"
        for resource in found.values():
            assert origin(resource) == ("test_each_kind_is_listed_with_its_name_and_the_function_that_created_it", __file__)
    finally:
        end.set()
        thread.join()
        process.kill()
        process.wait()
        file.close()
        listening.close()
        os.close(read)
        os.close(write)


def test_a_descriptor_of_c_code_has_not_the_place_of_an_earlier_one_of_its_number(tmp_path: Path) -> None:
    """C code creates it without a word: what is noted of its number is about another file."""
    (tmp_path / "first").touch()
    (tmp_path / "second").touch()
    with CreationSites() as creation_sites:
        known = {resource.key for resource in list_resources(creation_sites)}
        number = os.open(tmp_path / "first", os.O_RDONLY)
        os.close(number)
        with io.FileIO(tmp_path / "second") as file:
            assert file.fileno() == number
            (found,) = [resource for resource in list_resources(creation_sites) if resource.key not in known]
    assert found.name == str(tmp_path / "second")
    assert found.stack == ()


def test_a_zombie_process_is_named_as_such() -> None:
    watch = Watch()
    watch.begin()
    try:
        watch.set_baseline()
        pid = os.posix_spawn("/bin/true", ["/bin/true"], {})
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        watch.observe(1)
        ((run, resource),) = watch.remaining(0.05)
        assert run == 1
        assert "was never waited for" in resource.name
        os.waitpid(pid, 0)
    finally:
        watch.close()


def test_a_waiting_task_is_listed_and_a_finished_one_is_not() -> None:
    async def main(creation_sites: CreationSites) -> list[str]:
        quick = asyncio.create_task(asyncio.sleep(0))
        slow = asyncio.create_task(asyncio.sleep(60), name="slow")
        await quick
        found = [
            resource.name
            for resource in list_resources(creation_sites)
            if resource.kind == "task" and "main" not in resource.name
        ]
        slow.cancel()
        return found

    with CreationSites() as creation_sites:
        assert asyncio.run(main(creation_sites)) == ["sleep (slow)"]
        assert not [resource for resource in list_resources(creation_sites) if resource.kind == "task"]


def test_it_waits_for_resources_that_are_about_to_end() -> None:
    watch = Watch()
    watch.begin()
    try:
        watch.set_baseline()
        thread = threading.Timer(0.1, len, [()])
        thread.start()
        watch.observe(1)
        assert watch.remaining(5.0) == []
        thread.join()
    finally:
        watch.close()


def test_the_watch_itself_keeps_nothing_between_observations() -> None:
    watch = Watch()
    watch.begin()
    try:
        watch.set_baseline()
        blocks = [0] * 8
        for run in range(8):
            subprocess.run(["true"], check=True)
            with tempfile.TemporaryFile():
                pass
            blocks[run] = watch.observe(run).blocks
        assert blocks[-1] - blocks[3] < 20
    finally:
        watch.close()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_inside_leaves_nothing_patched(error: type[BaseException]) -> None:
    before = (open, os.open, threading.Thread.start, socket.socket.__init__, subprocess.Popen.__init__, os.fork)
    with pytest.raises(error), CreationSites():
        raise error
    assert before == (open, os.open, threading.Thread.start, socket.socket.__init__, subprocess.Popen.__init__, os.fork)


def test_a_patch_that_others_made_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs(*args: Any, **kwargs: Any) -> int:
        return 0

    with CreationSites():
        monkeypatch.setattr(os, "dup", theirs)
    assert os.dup is theirs
    monkeypatch.undo()


def test_origin_is_the_users_line_and_the_node_around_it() -> None:
    def work(n: int) -> int:
        return n

    codes, _ = node_codes(work, "work")
    first = codes[0].first
    stack = (("start", threading.__file__, 900), ("helper", "/home/me/helpers.py", 7), ("work", __file__, first + 1))
    assert origin_of(stack, NodeFinder(codes)) == ("work", ("helper", "/home/me/helpers.py", 7))
    assert origin_of(stack[:1], NodeFinder(codes)) == ("", ("", "", 0))
    assert is_library(pytest.__file__)
    assert not is_library(__file__)


def test_a_footprint_sees_a_mebibyte() -> None:
    before = footprint()
    kept = bytearray(1 << 26)  # so large that malloc maps it, whatever was released before
    after = footprint()
    assert after.rss_bytes - before.rss_bytes == pytest.approx(len(kept), rel=0.02)
    if before.heap_bytes >= 0:
        assert after.heap_bytes - before.heap_bytes == pytest.approx(len(kept), rel=0.01)
