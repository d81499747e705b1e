"""One timed batch: the function of a run, its input, and its cost.

In: a Job and a Point. Out: the Timing of a batch (wall and CPU seconds), and caveats about inputs that a run changes and
caches that stay warm.
"""
