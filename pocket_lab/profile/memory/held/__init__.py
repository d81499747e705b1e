"""How much of the memory that was requested a process ever held.

In: a process while it runs, and the blocks of its capture. Out: the bytes that each block held, and caveats.

`residency` looks at the pages of the process, `touched` finds the blocks in what was seen, and `caveats` says what was left
out of the figures and where they contradict resident memory.
"""
