"""A real graph on real input: index the Python source code of the running interpreter's own standard library.

    list_files >> index (a fan-out over files: read >> tokenize >> count) >> rank

The size is the number of files. `read` is bound by I/O until the system has cached the files, `tokenize` by
the processor, and a file that does not decode or tokenize is counted, not fatal.
"""

from __future__ import annotations

import io
import keyword
import os
import sysconfig
import tokenize as tokenizer
from collections import Counter

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import node

SIZES = (4, 8, 16, 32, 64, 128)
WORKERS = (1, 2)
EXECUTORS = ("threads", "processes")
BUDGET_S = 60.0
UNREADABLE = "(files that do not decode or tokenize)"


@node
def list_files(count: int) -> list[str]:
    """The paths of `count` source files out of thousands: of the middle half by size, evenly spread over it."""
    files = []
    for folder, folders, names in os.walk(sysconfig.get_path("stdlib")):
        folders[:] = [name for name in folders if name not in ("site-packages", "dist-packages", "__pycache__")]
        files += [os.path.join(folder, name) for name in names if name.endswith(".py")]
    by_size = sorted(files, key=lambda file: (os.path.getsize(file), file))
    typical = by_size[len(by_size) // 4 : -len(by_size) // 4] or by_size
    return evenly(typical, count)


@node
def read(file: str) -> bytes:
    """The bytes of a file."""
    with open(file, "rb") as source:
        return source.read()


@node
def tokenize(source: bytes) -> list[str] | None:
    """The identifiers of a source file in their order; None where this interpreter cannot read it."""
    try:
        tokens = list(tokenizer.tokenize(io.BytesIO(source).readline))
    except (SyntaxError, UnicodeDecodeError, tokenizer.TokenError):
        return None
    return [token.string for token in tokens if token.type == tokenizer.NAME and not keyword.iskeyword(token.string)]


@node
def count(names: list[str] | None) -> Counter[str]:
    """How often each identifier occurs in a file."""
    return Counter({UNREADABLE: 1}) if names is None else Counter(names)


@node
def rank(counts: list[Counter[str]]) -> list[tuple[str, int]]:
    """The hundred most frequent identifiers of all files, and the number of files that could not be read."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    unreadable = total.pop(UNREADABLE, 0)
    return [*total.most_common(100), (UNREADABLE, unreadable)]


graph = Graph(list_files >> fan_out(Graph(read >> tokenize >> count), name="index") >> rank, name="index_standard_library")


def evenly(ordered: list[str], count: int) -> list[str]:
    """`count` elements at even distances, so that twice as many are twice the same work; with repeats if there are too few."""
    return [ordered[(2 * index + 1) * len(ordered) // (2 * count)] for index in range(count)]
