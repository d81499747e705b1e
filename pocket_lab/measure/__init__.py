"""How a measurement is made: a sweep of points, sampled in interleaved rounds in a process of its own.

    Sweep (what is asked) -> Job (target, input, points) -> sampler (rounds of timed batches) -> records

    two Jobs -> Duel -> pairs of batches in blocks, targets built anew for each -> records

The sampler is a plain generator of records; `process.stream` runs it, or any other task of the same shape, in a child
process and yields the same records. Time is measured by the child, away from the kernel's own threads.
"""
