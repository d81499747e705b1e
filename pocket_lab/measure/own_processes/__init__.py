"""The processes that a target starts itself, which nothing here follows.

In: a run of the target, in this process and in workers. Out: their number by node and their CPU time, as a Caveat.
"""
