"""Who ran when on which worker.

In: the events of observed runs. Out: Spans with their parents, the self time of each node, and the cost of recording.
"""
