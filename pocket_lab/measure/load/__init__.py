"""The drive "load": clients that send requests in a closed loop, or at a rate.

In: a Job and a Point. Out: the latencies of a window as a histogram, with failed and late requests counted.
"""
