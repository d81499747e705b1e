"""Which parts of this process's address space hold nothing: looks at its page table while it runs under memray.

memray records what was requested. An allocator may reserve a gibibyte and touch a part of it, `calloc` takes pages that are
never written, and a mapped file belongs to the page cache. Linux says page by page what is held (proc_pid_pagemap(5)).
"""

from __future__ import annotations

import mmap
import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, thread_time, time
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pocket_lab.profile.memory.capture import Frame, Ints

Floats = NDArray[np.float64]

LEAST_BYTES = 2**20  # smaller mappings and blocks are not looked at
UNTOUCHED, FILE = 0, 1  # kinds of a hole

_PAGE = mmap.PAGESIZE
_HOLE_PAGES = 16  # shorter holes are ignored
_CHUNK_PAGES = 2**17
_PRESENT, _SWAPPED, _OF_FILE = np.uint64(1 << 63), np.uint64(1 << 62), np.uint64(1 << 61)  # bits of an entry of the page table
_PERIOD_S = 0.01
_LARGEST_SHARE, _SMALLER_SHARE = 1 / 20, 1 / 50  # of the time, for looks: with and without much that is not resident
_LARGE_BYTES = 2**24
_USUAL_COST_S = 0.005
_MOST_HOLES = 4_000_000
_HELD_FILES = (b"/dev/zero", b"/dev/shm/", b"/memfd:", b"/SYSV")  # names of memory that processes share
_NO_HOLES = np.empty((0, 3), np.int64)


class Residency(NamedTuple):
    """What was seen of a process: the Unix times of begin and end of each look, and holes as rows of (look, begin, end, kind).

    The last look was taken when the run had ended; without any look there were no holes. `looked` is False where the system
    does not show pages. `first_rss` and `most_rss` are resident bytes when the watch began and the most ever, `swapped` is
    whether the system swapped meanwhile.
    """

    begun_s: Floats
    ended_s: Floats
    holes: Ints
    looked: bool
    first_rss: int
    most_rss: int
    swapped: bool


class ResidencyWatch:
    """Looks at this process from a thread of its own between `start` and `stop`; `save` writes what was seen.

    A look is taken every 10 ms at most, where address space was added, and looks take at most a twentieth of the time, and less
    where nearly all of that is resident. The last look comes with `stop`, unless all is resident that was added.
    """

    def __init__(self, file: Path) -> None:
        self._file = residency_file(file)
        self._begun, self._stopping = threading.Event(), threading.Event()
        self._looks: list[tuple[float, float, Ints]] = []
        self._holes = 0
        self._pages = _Pages()
        self._least_size, self._least_gap = 0, 0
        self._first_rss = _status_bytes("VmRSS")
        self._swapped = _pages_swapped_out()
        self._thread = threading.Thread(target=self._watch, name="pocket-lab-residency", daemon=True)

    def start(self) -> None:
        """Begin, with the Tracker at work, whose own mappings are no growth then."""
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """Take the last look and end the thread, if it was started."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pages.close()

    def save(self) -> None:
        """Write the file that `read_residency` reads."""
        rows = [np.insert(holes, 0, number, axis=1) for number, (_, _, holes) in enumerate(self._looks)]
        facts = [int(self._pages.looked), self._first_rss, _most_rss(), int(_pages_swapped_out() > self._swapped)]
        with open(self._file, "wb") as file:
            np.savez(
                file,
                begun_s=np.array([begun_s for begun_s, _, _ in self._looks]),
                ended_s=np.array([ended_s for _, ended_s, _ in self._looks]),
                holes=np.concatenate([np.empty((0, 4), np.int64), *rows]),
                facts=np.array(facts, np.int64),
            )

    def _watch(self) -> None:
        """Look until the end; a system that does not show pages is not looked at."""
        size, resident = self._pages.sizes()
        self._least_size, self._least_gap = size, size - resident
        self._begun.set()
        if not self._pages.looked:
            return
        cost_s, last_s = _USUAL_COST_S, monotonic()
        while not self._stopping.wait(_PERIOD_S):
            grown, gap = self._grown()
            share = _LARGEST_SHARE if gap >= _LARGE_BYTES else _SMALLER_SHARE
            is_due = gap >= _LARGE_BYTES and not self._looks
            if grown < LEAST_BYTES or self._holes >= _MOST_HOLES or not (is_due or monotonic() - last_s >= cost_s / share):
                continue
            start_s = thread_time()
            self._look()
            cost_s, last_s = thread_time() - start_s, monotonic()
        if self._grown()[1] >= LEAST_BYTES or self._looks:
            self._look()

    def _grown(self) -> tuple[int, int]:
        """Return how much larger the address space is than it was, and the part of it that is not resident."""
        size, resident = self._pages.sizes()
        self._least_size, self._least_gap = min(self._least_size, size), min(self._least_gap, size - resident)
        return size - self._least_size, size - resident - self._least_gap

    def _look(self) -> None:
        begun_s = time()
        holes = self._pages.holes()
        self._looks.append((begun_s, time(), holes))
        self._holes += len(holes)


class _Pages:
    """The page table of this process, in files of /proc that stay open."""

    def __init__(self) -> None:
        self._files: list[int] = []
        self._entries = np.empty(_CHUNK_PAGES + 1, np.uint64)
        try:
            for name in ("statm", "maps", "pagemap"):
                self._files.append(os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC))
            self.looked = bool(os.preadv(self._files[2], [self._entries[:1].data], self._entries.ctypes.data // _PAGE * 8))
        except OSError:
            self.looked = False

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of the address space, and how many of them are resident."""
        if not self.looked:
            return 0, 0
        size, resident, *_ = os.pread(self._files[0], 200, 0).split()
        return int(size) * _PAGE, int(resident) * _PAGE

    def holes(self) -> Ints:
        """Return (begin, end, kind) of the parts of large mappings that hold nothing, in ascending order."""
        parts, batch, used = [_NO_HOLES], [], 0
        for begin, end, permissions, path in self._large_mappings():
            is_file = path.startswith(b"/") and not path.startswith(_HELD_FILES)
            is_copied_on_write = b"w" in permissions and permissions.endswith(b"p")
            if permissions == b"---p" or (is_file and not is_copied_on_write):
                parts.append(np.array([(begin, end, FILE if is_file else UNTOUCHED)], np.int64))
                continue
            while begin < end:
                pages = min((end - begin) // _PAGE, _CHUNK_PAGES - used)
                self._read(begin, pages, used)
                batch.append((used, begin, is_file))
                begin, used = begin + pages * _PAGE, used + pages + 1
                if used > _CHUNK_PAGES - _HOLE_PAGES:
                    parts.append(self._holes_of(batch, used))
                    batch, used = [], 0
        if batch:
            parts.append(self._holes_of(batch, used))
        holes = np.concatenate(parts)
        return holes[np.argsort(holes[:, 0], kind="stable")]

    def _read(self, begin: int, pages: int, at: int) -> None:
        """Read the entries of some pages, followed by one that counts as held."""
        entries = self._entries[at : at + pages]
        got = os.preadv(self._files[2], [entries.data], begin // _PAGE * 8) // 8
        self._entries[at + got : at + pages + 1] = _PRESENT  # unknown pages count as held too

    def _holes_of(self, batch: list[tuple[int, int, bool]], used: int) -> Ints:
        """Return the holes in the entries of several mappings, given by their first entry and first address."""
        begins, addresses, of_file = (np.array(column) for column in zip(*batch, strict=True))
        entries = self._entries[:used]
        held = entries >= _SWAPPED  # present, or swapped out
        for begin, end in zip(begins[of_file].tolist(), np.append(begins[1:], used)[of_file].tolist(), strict=True):
            held[begin : end - 1] &= entries[begin : end - 1] & _OF_FILE == 0  # a page that was written to is a copy
        edges = np.flatnonzero(np.diff(held.view(np.int8), prepend=1, append=1))
        first, last = edges[::2], edges[1::2]
        long = last - first >= _HOLE_PAGES
        first, last = first[long], last[long]
        mapping = np.searchsorted(begins, first, side="right") - 1
        base = addresses[mapping] - begins[mapping] * _PAGE
        return np.stack((base + first * _PAGE, base + last * _PAGE, np.where(of_file[mapping], FILE, UNTOUCHED)), axis=1)

    def _large_mappings(self) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Yield (begin, end, permissions, path) of each mapping."""
        os.lseek(self._files[1], 0, os.SEEK_SET)
        content = b"".join(iter(lambda: os.read(self._files[1], 1 << 16), b""))
        for line in content.splitlines():
            begin, _, rest = line.partition(b"-")
            end, permissions, _, _, _, *path = rest.split(None, 5)
            first, last = int(begin, 16), int(end, 16)
            if last - first >= LEAST_BYTES and last < 2**63:
                yield first, last, permissions, path[0] if path else b""


def is_of_watch(frame: Frame) -> bool:
    """Whether a frame is the function that the thread of a watch runs."""
    return frame[1] == __file__ and frame[0] == ResidencyWatch._watch.__name__


def residency_file(capture: Path) -> Path:
    """Return the file next to a capture file that says what its process held."""
    return capture.with_suffix(".held")


def read_residency(capture: Path) -> Residency | None:
    """Read what was seen of the process with this capture file; None where nothing was written, as after a kill."""
    try:
        with np.load(residency_file(capture), allow_pickle=False) as file:
            looked, first, most, swapped = file["facts"].tolist()
            return Residency(file["begun_s"], file["ended_s"], file["holes"], bool(looked), first, most, bool(swapped))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None


def _status_bytes(name: str) -> int:
    """Return a row of /proc/self/status in bytes; 0 without that file."""
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def _most_rss() -> int:
    """Return the most bytes that this process ever had resident."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _status_bytes("VmHWM")  # ru_maxrss would include the parent before exec


def _pages_swapped_out() -> int:
    """Return how many pages the system has swapped out since it started; 0 where it does not say."""
    with suppress(OSError), open("/proc/vmstat", encoding="ascii") as counts:
        for line in counts:
            if line.startswith("pswpout "):
                return int(line.split()[1])
    return 0
