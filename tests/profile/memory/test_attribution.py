"""Stacks and their nodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.graph.runtime.markers import INHERITED, VISIT
from pocket_lab.profile.memory.attribution import attribute
from pocket_lab.profile.memory.capture import Stacks
from pocket_lab.profile.node_code import NodeCode, NodeFinder

NODES = ["outer", "inner"]
FINDER = NodeFinder(
    NodeCode(name, lambda: None, "nodes.py", first, first + 9) for first, name in ((10, "outer"), (30, "inner"))
)
FRAMES = {
    "runtime": ("run", "lab.py", 1),
    "outer": ("outer", "nodes.py", 12),
    "inner": ("inner", "nodes.py", 31),
    "helper": ("helper", "other.py", 5),
}


@given(st.lists(st.lists(st.sampled_from(list(FRAMES)), max_size=6), min_size=1, max_size=20))
def test_a_stack_belongs_to_its_innermost_node_and_is_under_every_node_on_it(paths: list[list[str]]) -> None:
    stacks = Stacks()
    numbers = []
    for path in paths:
        number = 0
        for name in path:
            number = stacks.add(number, FRAMES[name])
        numbers.append(number)
    found = attribute(stacks, FINDER, NODES, "none")
    for path, number in zip(paths, numbers, strict=True):
        assert stacks.trace(number) == [FRAMES[name] for name in path]
        nodes = [name for name in reversed(path) if name in NODES]
        assert found.names[found.owner[number]] == (nodes[0] if nodes else "none")
        site = int(found.site[number])
        assert (stacks.frames[site] == FRAMES[nodes[0]]) if nodes else (site == 0)
        for index, name in enumerate(NODES):
            assert found.under(index)[number] == (name in path)
    for index, name in enumerate(NODES):
        others = set(NODES) - {name}
        nested = [path for path in paths if name in path and others & set(path[path.index(name) :])]
        assert found.holds_others(index) == bool(nested)


def test_what_a_node_gives_to_a_thread_of_another_node_is_not_inside_that_one() -> None:
    """A loop or a queue in a thread that one node has started serves others: the work is not its own."""

    def mark(node: str, kind: str) -> tuple[str, str, int]:
        return kind, f"<node:{node}>", 1

    paths = {
        ("started", "given"): [mark("outer", INHERITED), ("loop", "loops.py", 1), mark("inner", INHERITED), FRAMES["helper"]],
        ("called",): [mark("outer", VISIT), mark("inner", VISIT), FRAMES["helper"]],
        ("own", "thread"): [mark("outer", VISIT), mark("inner", VISIT), ("loop", "loops.py", 1), mark("inner", INHERITED)],
    }
    stacks = Stacks()
    numbers = []
    for path in paths.values():
        number = 0
        for frame in path:
            number = stacks.add(number, frame)
        numbers.append(number)
    found = attribute(stacks, NodeFinder([]), NODES, "none")
    assert [found.names[found.owner[number]] for number in numbers] == ["inner"] * 3
    assert [bool(found.under(NODES.index("outer"))[number]) for number in numbers] == [False, True, True]
