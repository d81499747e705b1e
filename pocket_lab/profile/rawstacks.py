"""The call stacks of a capture, put together from what was pushed and popped, for all threads at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pocket_lab.profile.capture import Ints, run_codes


class StackEvents(NamedTuple):
    """Moves of the stacks in their order: the thread, and by how many frames its stack grew (0: it is looked at again).

    `code`, `instruction` and `entry` have a row for each push alone.
    """

    thread: Ints
    change: Ints
    code: Ints
    instruction: Ints
    entry: Ints


def number_stacks(events: StackEvents) -> tuple[Ints, Ints, Ints]:
    """The number of the stack after each event; of every stack its parent's number, and its (code, instruction).

    Stacks are numbered from 1 in the order in which they are first pushed, as memray numbers them; 0 is the empty one.
    """
    pushes = np.flatnonzero(events.change > 0)
    if not len(pushes):
        empty = np.empty(0, np.int64)
        return np.zeros(len(events.change), np.int64), empty, np.empty((0, 2), np.int64)
    thread = run_codes(events.thread)
    depth = _depths(thread, events.change)
    top, below = _tops(thread, depth, pushes)
    frame, frames = _frames(events)
    number, parents, frame_of = _tree(depth[pushes], below, frame)
    return np.where(top >= 0, number[top], 0), parents, frames[frame_of]


def _depths(thread: Ints, change: Ints) -> Ints:
    """How deep the stack of the event's thread is after the event."""
    order = _stable_order(thread)
    running = np.cumsum(change[order])
    first = np.flatnonzero(np.diff(thread[order], prepend=-1))
    before = np.where(first > 0, running[first - 1], 0)
    depth = np.empty(len(change), np.int64)
    depth[order] = running - np.repeat(before, np.diff(np.append(first, len(order))))
    return depth


def _tops(thread: Ints, depth: Ints, pushes: Ints) -> tuple[Ints, Ints]:
    """After each event the push that its stack ends with, and for each push the one below it; -1 for none.

    A stack of depth d ends with the newest push of its thread that made it d deep. So sort all pushes, and all questions for
    them, by thread and depth, and carry the newest push forward.
    """
    count = len(depth)
    is_push = np.zeros(count, np.bool_)
    is_push[pushes] = True
    levels = int(depth.max()) + 1
    key = np.concatenate((thread * levels + depth, thread[pushes] * levels + depth[pushes] - 1))
    when = np.concatenate((2 * np.arange(count) + 1, 2 * pushes))  # what a push stands on is asked before it
    by_time = np.argsort(when)
    order = by_time[_stable_order(key[by_time])]
    gives = np.concatenate((is_push, np.zeros(len(pushes), np.bool_)))[order]
    newest = np.maximum.accumulate(np.where(gives, np.arange(len(order)), -1))
    found = np.where(newest >= 0, order[newest], -1)
    found = np.where((found >= 0) & (key[found] == key[order]), found, -1)
    rank = np.cumsum(is_push) - 1
    answer = np.empty(len(order), np.int64)
    answer[order] = np.where(found >= 0, rank[found], -1)
    at_bottom = np.concatenate((depth, depth[pushes] - 1)) == 0
    answer[at_bottom] = -1
    return answer[:count], answer[count:]


def _frames(events: StackEvents) -> tuple[Ints, Ints]:
    """Each push's frame by its number, and (code, instruction) by number; an entry frame is another one."""
    rows = np.stack((events.code, events.instruction, events.entry), axis=1)
    packed = (events.code << 34) | ((events.instruction + 1) << 1) | events.entry
    _, first, number = np.unique(packed, return_index=True, return_inverse=True)
    return number.astype(np.int64), rows[first, :2]


def _tree(depth: Ints, below: Ints, frame: Ints) -> tuple[Ints, Ints, Ints]:
    """Of each push the number of its stack; of each stack its parent and its frame: level by level from the bottom."""
    frames = int(frame.max()) + 1
    node = np.zeros(len(depth), np.int64)  # 0 is the empty stack
    firsts: list[Ints] = []
    known = 1
    order = _stable_order(depth)
    for level in np.split(order, np.flatnonzero(np.diff(depth[order])) + 1):
        under = np.where(below[level] >= 0, node[below[level]], 0)
        _, first, inverse = np.unique(under * frames + frame[level], return_index=True, return_inverse=True)
        node[level] = known + inverse
        known += len(first)
        firsts.append(level[first])
    first_push = np.concatenate(firsts)
    in_order = np.argsort(first_push)
    number = np.zeros(known, np.int64)
    number[in_order + 1] = np.arange(1, known)
    first_push = first_push[in_order]
    parents = np.where(below[first_push] >= 0, number[node[below[first_push]]], 0)
    return number[node], parents, frame[first_push]


def _stable_order(keys: Ints) -> np.ndarray[Any, Any]:
    """The stable order of small whole numbers; numpy sorts 16 bits by radix."""
    highest = int(keys.max(initial=0))
    return np.argsort(keys.astype(np.uint16) if highest < 2**16 and int(keys.min(initial=0)) >= 0 else keys, kind="stable")
