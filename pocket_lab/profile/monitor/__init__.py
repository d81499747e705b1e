"""What the nodes of graphs in use do, in memory that does not grow.

In: the events of observed runs, from any number of threads. Out: a NodeTraffic for each node.
"""
