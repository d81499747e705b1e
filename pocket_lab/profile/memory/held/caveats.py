"""What a memory profile says of memory that was reserved and not held, and of figures that contradict resident memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pocket_lab.profile.memory.held.residency import Residency
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.units import format_bytes, format_count, format_percent

CODES = frozenset({"memory-reserved", "memory-above-rss"})

_TOLERANCE = 0.01  # memray counts what was requested, which the last page of a block exceeds
_MOST_NODES = 3


class Reserved(NamedTuple):
    """Blocks and mappings of a node that held less than was requested: how many, bytes requested, held, of files.

    `bounded` counts those that are only known to have held at most that much.
    """

    blocks: int
    requested: int
    held: int
    of_files: int
    bounded: int


class Excess(NamedTuple):
    """The bytes that a process is said to have held at once, more than it ever had resident, and whether it could tell."""

    peak: int
    most_rss: int
    looked: bool
    swapped: bool


def excess_of(peak: int, residency: Residency | None) -> Excess | None:
    """Return the contradiction between the peak of a process and its resident memory, if there is one."""
    if residency is None or not residency.most_rss or peak <= residency.most_rss * (1 + _TOLERANCE):
        return None
    return Excess(peak, residency.most_rss, residency.looked, residency.swapped)


def reserved_caveat(point: Point, reserved: Mapping[str, Reserved]) -> Iterator[Caveat]:
    """Yield what was requested and not held, by node, if anything was."""
    found = sorted(
        ((one, node) for node, one in reserved.items() if one.blocks), key=lambda row: row[0].held - row[0].requested
    )
    if not found:
        return
    total = Reserved(*map(sum, zip(*(one for one, _ in found), strict=True)))
    nodes = [f'"{node}" {format_bytes(one.held)} of {format_bytes(one.requested)}' for one, node in found[:_MOST_NODES]]
    more = f" and {len(found) - _MOST_NODES} more nodes" if len(found) > _MOST_NODES else ""
    many = "1 large block or mapping" if total.blocks == 1 else f"{format_count(total.blocks)} large blocks or mappings"
    parts = [f"{many} requested more than was touched, and only what was touched is counted: {', '.join(nodes)}{more}"]
    if total.of_files:
        parts.append(f"pages of mapped files ({format_bytes(total.of_files)}) belong to the file, so they are not counted")
    if total.bounded:
        which = "it" if total.blocks == 1 else f"{total.bounded} of them"
        parts.append(f"for {which} this is an upper bound, by how far resident memory rose")
    yield Caveat("memory-reserved", f"{describe(point)}: {'; '.join(parts)}", point)


def excess_caveat(point: Point, excess: Excess) -> Caveat:
    """What the peak of a process says beyond its resident memory."""
    if excess.swapped:
        why = "the system swapped meanwhile, so nothing shows whether the rest was swapped out or never touched"
    elif excess.looked:
        why = "the rest was reserved and never touched, but nothing shows by which node, so peaks are upper bounds"
    else:
        why = "the rest was reserved and never touched; this system does not show by which node, so peaks are upper bounds"
    message = (
        f"{describe(point)}: {format_bytes(excess.peak)} are counted as held at once, and the process never had more than "
        f"{format_bytes(excess.most_rss)} resident ({format_percent(excess.most_rss / excess.peak)}): {why}"
    )
    return Caveat("memory-above-rss", message, point)
