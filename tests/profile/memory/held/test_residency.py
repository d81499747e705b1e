"""The looks at this process's own pages."""

from __future__ import annotations

import mmap
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from pocket_lab.profile.memory.held.residency import FILE, UNTOUCHED, ResidencyWatch, read_residency, residency_file

MIB = 2**20
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the pages of a process")


def address_of(mapping: mmap.mmap) -> int:
    return int(np.frombuffer(mapping, np.uint8).__array_interface__["data"][0])


def holes_of(holes: np.ndarray[tuple[int, ...], np.dtype[np.int64]], begin: int, size: int, kind: int) -> int:
    chosen = holes[holes[:, 3] == kind]
    return int(np.clip(np.minimum(chosen[:, 2], begin + size) - np.maximum(chosen[:, 1], begin), 0, None).sum())


@only_linux
def test_a_look_finds_what_was_never_touched_and_what_belongs_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(32 * MIB))
    watch = ResidencyWatch(tmp_path / "run.bin")
    watch.start()
    with open(tmp_path / "data", "r+b") as file, mmap.mmap(-1, 64 * MIB) as shared, mmap.mmap(file.fileno(), 0) as whole:
        private = mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        copied = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        for mapping in (shared, private, copied):
            mapping[: 16 * MIB] = b"x" * (16 * MIB)
        assert whole[0] == whole[-1]
        addresses = [address_of(mapping) for mapping in (shared, private, whole, copied)]
        deadline = time.monotonic() + 20
        while len(watch._looks) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        watch.stop()
        private.close()
        copied.close()
    watch.save()
    seen = read_residency(tmp_path / "run.bin")
    assert seen is not None
    assert seen.looked
    assert len(seen.begun_s) >= 3, "two while it ran, and the last"
    assert (seen.begun_s <= seen.ended_s).all()
    last = seen.holes[seen.holes[:, 0] == len(seen.begun_s) - 1]
    assert [holes_of(last, address, 64 * MIB, UNTOUCHED) for address in addresses[:2]] == pytest.approx([48 * MIB] * 2, abs=MIB)
    assert holes_of(last, addresses[2], 32 * MIB, FILE) == 32 * MIB
    assert holes_of(last, addresses[3], 32 * MIB, FILE) == pytest.approx(16 * MIB, abs=MIB)
    assert seen.first_rss < seen.most_rss
    assert not [thread for thread in threading.enumerate() if thread.name == "pocket-lab-residency"]


def test_a_missing_or_damaged_file_says_nothing(tmp_path: Path) -> None:
    capture = tmp_path / "run.bin"
    assert read_residency(capture) is None
    for content in (b"", b"PK\x03\x04 damaged", b"no archive"):
        residency_file(capture).write_bytes(content)
        assert read_residency(capture) is None


def test_where_pages_are_not_shown_only_resident_memory_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise FileNotFoundError(path)

    monkeypatch.setattr("pocket_lab.profile.memory.held.residency.os.open", refuse)
    watch = ResidencyWatch(tmp_path / "run.bin")
    monkeypatch.undo()
    watch.start()
    watch.stop()
    watch.save()
    seen = read_residency(tmp_path / "run.bin")
    assert seen is not None
    assert not seen.looked
    assert not len(seen.holes)
    assert seen.most_rss > 0
