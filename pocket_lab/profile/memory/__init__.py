"""What each node allocates and holds.

In: a run of each point under memray, which writes capture files. Out: NodeMemory, RunMemory, LineMemory, Stacks, HeapPoints
and NodeActivity.

`tracker` writes a capture file, `capture_reader` (or `raw`, its fast path) reads it, `allocation_ledger` says what was alive
when, `held` how much of it was touched, and `attribution` which node owns a stack. `node_memory` combines them for one
process, and `memory_totals` makes the records of all processes.
"""
