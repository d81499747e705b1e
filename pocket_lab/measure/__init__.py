"""How a measurement is made: a sweep of points, sampled in interleaved rounds in a process of its own.

In: a Sweep (the options of a verb, parsed) and a target, which make a Job of points. Out: an iterator of records. `supervisor`
runs a task (the sampler, a paired comparison or a profile) in a measuring process and replaces one that dies.

`worker` is that process, `timing` one timed batch, `load` clients that send requests, `paired` two targets compared.
"""
