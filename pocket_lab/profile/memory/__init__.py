"""What each node allocates and holds.

In: a run of each point under memray, which writes capture files. Out: NodeMemory, RunMemory, LineMemory, Stacks, HeapPoints
and NodeActivity. tracker -> capture_reader (or raw, its fast path) -> allocation_ledger (what was alive when) -> attribution
(which node owns a stack) -> node_memory -> memory_totals (the records).
"""
