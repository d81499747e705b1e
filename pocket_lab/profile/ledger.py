"""A replay of allocations in their order: what each node holds now, and the most that it ever held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Account:
    """The running totals of one node, in bytes and counts."""

    own: int = 0
    peak: int = 0
    inclusive: int = 0
    inclusive_peak: int = 0
    at_peak: int = 0
    allocations: int = 0
    allocated: int = 0
    temporary: int = 0


class Ledger:
    """Feed it every allocation and every release; then read `accounts`.

    The owner of an allocation is the innermost node on its stack; outer ones hold it inclusively. An allocation is
    temporary if the next event of its thread releases it (memray's definition, with a threshold of one).
    """

    def __init__(self, nodes: Sequence[str]) -> None:
        self.accounts = {node: Account() for node in nodes}
        self._live: dict[int, tuple[int, Sequence[str]]] = {}
        self._newest: dict[int, int] = {}
        self._held = 0
        self._peak = 0
        self._rising = False

    def allocate(self, thread: int, address: int, size: int, nodes: Sequence[str]) -> None:
        """A block of memory was handed out to code under these nodes, innermost first."""
        self._forget(address)
        self._live[address] = (size, nodes)
        self._newest[thread] = address
        owner = self.accounts[nodes[0]]
        owner.own += size
        owner.peak = max(owner.peak, owner.own)
        owner.allocations += 1
        owner.allocated += size
        for node in nodes:
            account = self.accounts[node]
            account.inclusive += size
            account.inclusive_peak = max(account.inclusive_peak, account.inclusive)
        self._held += size
        if self._held > self._peak:
            self._peak, self._rising = self._held, True

    def release(self, thread: int, address: int) -> None:
        """A block was given back."""
        block = self._live.get(address)
        if block is not None and self._newest.get(thread) == address:
            self.accounts[block[1][0]].temporary += 1
        self._newest.pop(thread, None)
        self._forget(address)

    def close(self) -> None:
        """No more events: settle the share of each node at the peak of the process."""
        self._note_peak()

    def _forget(self, address: int) -> None:
        block = self._live.pop(address, None)
        if block is None:
            return
        self._note_peak()
        size, nodes = block
        self.accounts[nodes[0]].own -= size
        for node in nodes:
            self.accounts[node].inclusive -= size
        self._held -= size

    def _note_peak(self) -> None:
        """Called before the total falls: only then can a new peak have been passed."""
        if self._rising:
            self._rising = False
            for account in self.accounts.values():
                account.at_peak = account.own
