"""What each node allocates and holds.

In: a run of each point under memray, whose capture files are read here. Out: NodeMemory, RunMemory, LineMemory, Stacks and
HeapPoints. capture_reader -> allocation_ledger (what was alive when) -> attribution (to nodes) -> node_memory (records).
"""
