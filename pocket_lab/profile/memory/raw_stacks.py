"""The call stacks of a capture, put together from what was pushed and popped, level by level for all threads at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pocket_lab.profile.memory.capture import Ints, run_codes

_ROOM = 8  # a table for numbering may have so many places for each value


class Moves(NamedTuple):
    """How stacks grew (by 1) and shrank, in their order, and of which threads.

    `code`, `instruction` and `entry` have a row for each that grew.
    """

    thread: Ints
    change: Ints
    code: Ints
    instruction: Ints
    entry: Ints


class Numbered(NamedTuple):
    """The number of the stack at each place asked for; of every stack from 1 on its parent's number and (code, instruction)."""

    at: Ints
    parents: Ints
    frames: Ints


def number_stacks(moves: Moves, thread: Ints, before: Ints) -> Numbered:
    """The stacks of these threads after so many moves of all threads; 0 is the empty one, and parents come first.

    A stack of depth d ends with the newest push of its thread that made it d deep. With the moves ordered by thread, and
    then by time, that is the last one before among all pushes to that depth.
    """
    frame, frames = _frames(moves)
    threads = run_codes(np.concatenate((moves.thread, thread)))
    if threads.any():
        of_move, of_place = threads[: len(moves.thread)], threads[len(moves.thread) :]
        order = _stable_order(of_move)
        change, of_move = moves.change[order], of_move[order]
        frame = frame[(np.cumsum(moves.change > 0) - 1)[order[change > 0]]]
        depth = _depths(of_move, change)
        count = len(of_move) + 1
        place = np.searchsorted(of_move * count + order, of_place * count + before)
        is_inside = np.append(of_move, -1)[place - 1] == of_place
    else:
        change, place = moves.change, before
        depth = np.cumsum(change)
        is_inside = place > 0
    deep = np.where(is_inside, np.append(depth, 0)[place - 1], 0)
    pushes = np.flatnonzero(change > 0)
    at, parents, frame_of = np.zeros(len(before), np.int64), [], []
    above, nodes, known = np.empty(0, np.int64), np.empty(0, np.int64), 1
    level_of = depth[pushes]
    deepest = int(level_of.max(initial=0))
    levels = zip(_by_level(level_of, deepest), _by_level(deep, deepest), strict=True)
    for number, (level, asked) in enumerate(levels):
        if not number:
            continue
        here = pushes[level]
        under = nodes[np.searchsorted(above, here) - 1] if number > 1 else np.zeros(len(here), np.int64)
        distinct, inverse = numbered((under - under.min()) * len(frames) + frame[level])
        parents.append(under[distinct])
        frame_of.append(frame[level][distinct])
        above, nodes = here, known + inverse
        known += len(distinct)
        at[asked] = nodes[np.searchsorted(here, place[asked]) - 1]
    if not parents:
        return Numbered(at, np.empty(0, np.int64), np.empty((0, 2), np.int64))
    return Numbered(at, np.concatenate(parents), frames[np.concatenate(frame_of)])


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """Where each distinct value stands first, and for each value its number among the distinct ones.

    Small values, as they are here, need no sorting: a table of all that there could be is quicker.
    """
    size = int(values.max(initial=0)) + 1
    if size > _ROOM * len(values) + 2**16:
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        return first, inverse
    table = np.full(size, -1, np.int64)
    table[values[::-1]] = np.arange(len(values) - 1, -1, -1)  # the last one to be written stays: the first of them
    seen = table >= 0
    return table[seen], (np.cumsum(seen) - 1)[values]


def _frames(moves: Moves) -> tuple[Ints, Ints]:
    """Each push's frame by its number, and (code, instruction) by number; an entry frame is another one."""
    instruction = moves.instruction + 1
    codes = numbered(moves.code)[1]
    packed = (codes * (int(instruction.max(initial=0)) + 1) + instruction) * 2 + moves.entry
    first, number = numbered(packed)
    return number, np.stack((moves.code[first], moves.instruction[first]), axis=1)


def _depths(thread: Ints, change: Ints) -> Ints:
    """How deep the stack of a thread is after each of its moves, which stand together."""
    running = np.cumsum(change)
    first = np.flatnonzero(np.diff(thread, prepend=-1))
    before = np.where(first > 0, running[first - 1], 0)
    depth: Ints = running - np.repeat(before, np.diff(np.append(first, len(thread))))
    return depth


def _by_level(depth: Ints, deepest: int) -> list[Ints]:
    """The places of each depth from 0 on."""
    order = _stable_order(depth)
    return np.split(order, np.searchsorted(depth[order], np.arange(1, deepest + 1)))


def _stable_order(keys: Ints) -> np.ndarray[Any, Any]:
    """The stable order of small whole numbers; numpy sorts 16 bits by radix."""
    highest = int(keys.max(initial=0))
    return np.argsort(keys.astype(np.uint16) if highest < 2**16 and int(keys.min(initial=0)) >= 0 else keys, kind="stable")
