"""Where memory and time go, per node: one run of each point under an instrument.

In: a Job. Out: records of the instrument (memory, line costs, stacks, spans, leftovers). No time in a bench comes from such a
run. `instrument` is the one loop over the points, `conflicts` says which instruments exclude each other, `node_code` which
code belongs to which node; each instrument has a folder.
"""
