"""One timed batch: what a run of a point calls, with which input, and what it cost.

In: a Job and a Point. Out: the Timing of a batch (wall and CPU seconds), and caveats about inputs that a run changes and
caches that stay warm.
"""
