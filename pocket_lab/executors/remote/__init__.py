"""What the executors share whose workers are other processes: what is sent to them, and how a call goes on after a death.

In: a function and items. Out: both pickled, once; and from the replies of workers, dead ones included, outcomes of items.
"""
