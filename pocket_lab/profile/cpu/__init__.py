"""Where a node spends its time, call by call.

In: a run of each point. Out: a Stack of wall and CPU seconds for each distinct call stack, from stacks sampled by a thread.
"""
