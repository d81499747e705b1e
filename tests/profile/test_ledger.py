"""The replay of allocations against a slow, obvious model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.profile.ledger import Ledger

NODES = ["a", "b", "c"]
stacks = st.lists(st.sampled_from(NODES), min_size=1, max_size=3, unique=True)
events = st.lists(
    st.one_of(
        st.tuples(st.just("allocate"), st.integers(1, 3), st.integers(1, 8), st.integers(0, 100), stacks),
        st.tuples(st.just("release"), st.integers(1, 3), st.integers(1, 8)),
    ),
    max_size=60,
)


@given(events)
def test_peaks_and_totals_are_those_of_adding_everything_up_after_each_event(played: list[tuple]) -> None:
    ledger = Ledger(NODES)
    live: dict[int, tuple[int, list[str]]] = {}
    own_peak, inclusive_peak, at_peak = (dict.fromkeys(NODES, 0) for _ in range(3))
    highest = allocations = 0
    for event in played:
        if event[0] == "allocate":
            _, thread, address, size, nodes = event
            ledger.allocate(thread, address, size, nodes)
            live[address] = (size, nodes)
            allocations += 1
        else:
            _, thread, address = event
            ledger.release(thread, address)
            live.pop(address, None)
        own = {node: sum(size for size, nodes in live.values() if nodes[0] == node) for node in NODES}
        for node in NODES:
            own_peak[node] = max(own_peak[node], own[node])
            inclusive = sum(size for size, nodes in live.values() if node in nodes)
            inclusive_peak[node] = max(inclusive_peak[node], inclusive)
        if sum(own.values()) > highest:
            highest, at_peak = sum(own.values()), own
    ledger.close()
    accounts = ledger.accounts
    assert {node: accounts[node].peak for node in NODES} == own_peak
    assert {node: accounts[node].inclusive_peak for node in NODES} == inclusive_peak
    assert {node: accounts[node].at_peak for node in NODES} == at_peak
    assert {node: accounts[node].own for node in NODES} == {
        node: sum(size for size, nodes in live.values() if nodes[0] == node) for node in NODES
    }
    assert sum(account.allocations for account in accounts.values()) == allocations


def test_an_allocation_released_by_the_next_event_of_its_thread_is_temporary() -> None:
    ledger = Ledger(["a"])
    ledger.allocate(1, 10, 100, ["a"])
    ledger.allocate(2, 20, 100, ["a"])
    ledger.release(1, 10)
    ledger.allocate(2, 30, 100, ["a"])
    ledger.release(2, 20)
    ledger.release(2, 30)
    assert ledger.accounts["a"].temporary == 1
