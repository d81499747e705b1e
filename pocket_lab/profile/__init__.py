"""Where memory and time go, per node: one run of each point under an instrument.

In: a Job. Out: records of the instrument (memory, line costs, stacks, spans, leftovers). No time in a bench comes from such a
run. Each instrument has a folder; `instrument` has its interface and the one loop over the points, `conflicts` the table of
tools that exclude each other, `node_code` the mapping from code to nodes.
"""
