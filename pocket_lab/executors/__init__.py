"""Pools of workers that call plain functions on items; they know no graph.

In: a function and items. Out: an `Outcome` for each item in the order of the items, errors as values, on every executor alike.
A pool outlives many calls, so that its start-up is part of no measurement; a worker count is the number of tasks in flight.
`registry` names the executors: a new one is a module with a `Pool` and a line there.
"""
