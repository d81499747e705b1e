"""What line_profiler's times mean: which time is in two lines, and which is in none, by what the profiled code does."""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import CodeType
from typing import Any

from pocket_lab.profile.lines.code_blocks import TracedFunction, calls_between_nodes, code_tree
from pocket_lab.records.caveat import Caveat

_OUTSIDE = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_INCLUSIVE = "the time of a line includes the functions that it calls: "
_INSIDE = "the time of a row with a function in the column `inside` is in the lines of that function, too"
_TWICE = (
    "where a profiled function calls itself or another one, that time is in a line of each, so that the times add up to more "
    "than the run took; hits are exact"
)
_SUSPENDED = Caveat(
    "line-awaits",
    "the time of a line with an await, an async loop or a yield from ends where it is suspended for the first time: waits, and "
    "what runs below that line afterwards, are in no line; a profile of the calls (cpu) has both",
)


def code_caveats(functions: Sequence[TracedFunction]) -> Iterator[Caveat]:
    """What the code of these functions does to hits and times: calls of other nodes, calls of each other, and awaits."""
    yield from calls_between_nodes(functions)
    yield from time_caveats(functions)


def time_caveats(functions: Sequence[TracedFunction]) -> Iterator[Caveat]:
    """A Caveat for each way in which the times of the lines of these functions may mislead."""
    codes = [code for traced in functions for code, _ in code_tree(traced.function.__code__, "")]
    is_inside = any(block.inside for traced in functions for block in traced.blocks)
    outermost = {traced.function.__name__ for traced in functions if not traced.blocks[0].inside}
    is_twice = any(not _called_names(code).isdisjoint({*outermost, code.co_name}) for code in codes)
    if found := [text for text, holds in ((_INSIDE, is_inside), (_TWICE, is_twice)) if holds]:
        yield Caveat("line-inclusive", _INCLUSIVE + "; ".join(found))
    if any(map(_is_suspended, codes)):
        yield _SUSPENDED


def _called_names(code: CodeType) -> set[str]:
    """The variables from outside that the code reads, and the methods of its own object."""
    return {
        str(step.argval)
        for before, step in pairwise(dis.get_instructions(code))
        if step.opname in _OUTSIDE or (step.opname in _ATTRIBUTES and _last_loaded(before) in ("self", "cls"))
    }


def _last_loaded(step: dis.Instruction) -> Any:
    """The variable that is loaded; since Python 3.13 one instruction may load two."""
    return step.argval[-1] if isinstance(step.argval, tuple) and step.argval else step.argval


def _is_suspended(code: CodeType) -> bool:
    """Whether a line of it may be suspended and go on: by an await, an async loop or block, or a yield from."""
    return any(step.opname == "SEND" for step in dis.get_instructions(code))
