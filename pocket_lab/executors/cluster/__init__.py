"""The executor "cluster", and the address of a scheduler: the workers of Dask, which may be on other machines.

In: a function and items. Out: an `Outcome` for each, as every pool has them. `pool` sends chunks to slots; the slots are those
of a `cluster`, which this process starts (`own`) or joins (`joined`). `worker` is what runs inside Dask's workers.
"""
