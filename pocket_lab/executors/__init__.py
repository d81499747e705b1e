"""Pools of workers that call plain functions on items; they know no graph.

In: a function and items. Out: an `Outcome` for each item in the order of the items, errors as values, the same on every
executor. A pool outlives many calls, so that no measurement includes its start-up; a worker count is the number of tasks in
flight. `registry` is the table of executors: a new one is a module, or a folder, with a `Pool` and
a row there; those whose workers are other processes share `remote`. State that must survive in
a worker process from one task to the next lives in `worker_state`.
"""
