"""Live counts and latencies of the nodes of graphs in use, in bounded memory.

In: the events of observed runs, from any number of threads. Out: a NodeTraffic for each node.
"""
