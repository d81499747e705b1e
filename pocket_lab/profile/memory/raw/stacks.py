"""The call stacks of a capture, rebuilt from pushes and pops of frames, level by level for all threads at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pocket_lab.profile.memory.capture import Ints, run_codes

_TABLE_FACTOR = 8  # the lookup table of `numbered` may have this many entries per value


class Moves(NamedTuple):
    """Changes of stacks in time order: the thread, and the change of its depth (1 for a push, -n for a pop).

    `code`, `instruction` and `entry` have one row per push.
    """

    thread: Ints
    change: Ints
    code: Ints
    instruction: Ints
    entry: Ints


class NumberedStacks(NamedTuple):
    """The stack number of each query, and of every stack from number 1 on its parent and its (code, instruction)."""

    at: Ints
    parents: Ints
    frames: Ints


def number_stacks(moves: Moves, thread: Ints, before: Ints) -> NumberedStacks:
    """Return the stack of each `thread` after `before` moves of all threads; stack 0 is empty, parents precede children.

    A stack of depth d ends with the latest push of its thread that reached depth d. With the moves ordered by thread and then
    by time, that is the last preceding push among all pushes to depth d.
    """
    frame, frames = _frames(moves)
    threads = run_codes(np.concatenate((moves.thread, thread)))
    if threads.any():
        of_move, of_query = threads[: len(moves.thread)], threads[len(moves.thread) :]
        order = _stable_order(of_move)
        change, of_move = moves.change[order], of_move[order]
        frame = frame[(np.cumsum(moves.change > 0) - 1)[order[change > 0]]]
        depth = _depths(of_move, change)
        count = len(of_move) + 1
        position = np.searchsorted(of_move * count + order, of_query * count + before)
        is_inside = np.append(of_move, -1)[position - 1] == of_query
    else:
        change, position = moves.change, before
        depth = np.cumsum(change)
        is_inside = position > 0
    query_depth = np.where(is_inside, np.append(depth, 0)[position - 1], 0)
    pushes = np.flatnonzero(change > 0)
    at, parents, frame_of = np.zeros(len(before), np.int64), [], []
    above, numbers, known = np.empty(0, np.int64), np.empty(0, np.int64), 1
    push_depth = depth[pushes]
    deepest = int(push_depth.max(initial=0))
    levels = zip(_by_level(push_depth, deepest), _by_level(query_depth, deepest), strict=True)
    for depth_here, (level, queries) in enumerate(levels):
        if not depth_here:
            continue
        here = pushes[level]
        under = numbers[np.searchsorted(above, here) - 1] if depth_here > 1 else np.zeros(len(here), np.int64)
        distinct, inverse = numbered((under - under.min()) * len(frames) + frame[level])
        parents.append(under[distinct])
        frame_of.append(frame[level][distinct])
        above, numbers = here, known + inverse
        known += len(distinct)
        at[queries] = numbers[np.searchsorted(here, position[queries]) - 1]
    if not parents:
        return NumberedStacks(at, np.empty(0, np.int64), np.empty((0, 2), np.int64))
    return NumberedStacks(at, np.concatenate(parents), frames[np.concatenate(frame_of)])


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """Return the first index of each distinct value, and for each value its number among the distinct ones.

    Small values, the usual case here, need no sorting: a lookup table over the whole range is faster.
    """
    size = int(values.max(initial=0)) + 1
    if size > _TABLE_FACTOR * len(values) + 2**16:
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        return first, inverse
    table = np.full(size, -1, np.int64)
    table[values[::-1]] = np.arange(len(values) - 1, -1, -1)  # the last write wins, so the first index remains
    seen = table >= 0
    return table[seen], (np.cumsum(seen) - 1)[values]


def _frames(moves: Moves) -> tuple[Ints, Ints]:
    """Return the frame number of each push, and (code, instruction) by frame number; an entry frame has its own number."""
    instruction = moves.instruction + 1
    codes = numbered(moves.code)[1]
    packed = (codes * (int(instruction.max(initial=0)) + 1) + instruction) * 2 + moves.entry
    first, number = numbered(packed)
    return number, np.stack((moves.code[first], moves.instruction[first]), axis=1)


def _depths(thread: Ints, change: Ints) -> Ints:
    """Return the depth of a thread's stack after each of its moves; the moves of a thread are contiguous."""
    running = np.cumsum(change)
    first = np.flatnonzero(np.diff(thread, prepend=-1))
    before = np.where(first > 0, running[first - 1], 0)
    depth: Ints = running - np.repeat(before, np.diff(np.append(first, len(thread))))
    return depth


def _by_level(depth: Ints, deepest: int) -> list[Ints]:
    """Return the indices of each depth from 0 on."""
    order = _stable_order(depth)
    return np.split(order, np.searchsorted(depth[order], np.arange(1, deepest + 1)))


def _stable_order(keys: Ints) -> np.ndarray[Any, Any]:
    """Return the stable order of small integers; numpy sorts 16-bit integers by radix."""
    highest = int(keys.max(initial=0))
    return np.argsort(keys.astype(np.uint16) if highest < 2**16 and int(keys.min(initial=0)) >= 0 else keys, kind="stable")
