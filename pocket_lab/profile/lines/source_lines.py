"""Copies of the source of traced functions, those of notebook cells included, as it is now; and what has none."""

from __future__ import annotations
import __future__

import linecache
import sys
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from types import FunctionType

from pocket_lab.profile.lines.code_blocks import TracedFunction, code_tree
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.sources import Source

_MOST_NAMES = 5
_FUTURES = reduce(or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))
_OWN_NAMES = ("<ipython-input", "<doctest")  # names that no two sources have


def line_sources(functions: Iterable[TracedFunction]) -> Iterator[Source | Caveat]:
    """A Source for each function, once, and a Caveat that names those whose source is not known.

    Several sources may have the same name, such as "<string>": a name that is not of all its functions is not shown for any.
    """
    traced = list(functions)
    unknown = {each.blocks[0].file for each in traced if not _is_known(each.function)}
    parts: dict[tuple[str, int, int], Source] = {}
    for each in traced:
        file, first = each.blocks[0].file, each.blocks[0].first
        if file not in unknown:
            last = max(line for block in each.blocks for line in [first, *block.lines])
            lines = linecache.getlines(file, each.function.__globals__)[first - 1 : last]
            parts[file, first, last] = Source(file, first, tuple(lines))
    yield from parts.values()
    if unknown:
        names = [f'{block.function} of "{block.node}"' for each in traced if (block := each.blocks[0]).file in unknown]
        named = ", ".join(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")
        message = f"no source is known for {named} (in {', '.join(sorted(unknown))}): only the numbers of its lines are shown"
        yield Caveat("no-source", message)


def imported_sources(functions: Iterable[TracedFunction]) -> Iterator[Source]:
    """A Source for each function of a module that this process has imported, since its file may have been edited.

    The copies of the calling process are of the file as that has imported it.
    """
    imported = [each for each in functions if _is_imported(each.function)]
    yield from (record for record in line_sources(imported) if isinstance(record, Source))


def _is_imported(function: FunctionType) -> bool:
    module = sys.modules.get(function.__module__ or "")
    return function.__module__ != "__main__" and getattr(module, "__dict__", None) is function.__globals__


def _is_known(function: FunctionType) -> bool:
    """Whether the lines of its file are known, and are those of its code where other code may have a file of the same name."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if code.co_firstlineno > len(lines):
        return False
    if not code.co_filename.startswith("<") or code.co_filename.startswith(_OWN_NAMES):
        return True
    try:
        known = compile("".join(lines), code.co_filename, "exec", code.co_flags & _FUTURES, dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return any(found == code for found, _ in code_tree(known, ""))
