"""Where work runs: pools of workers that call plain functions on items, knowing no graph.

A pool outlives many calls (its start-up is never part of a measurement); a worker count is the number of tasks that may
be in flight on it. Results come back in the order of the items, errors as values, on every executor alike.
"""
