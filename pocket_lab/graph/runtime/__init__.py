"""How a graph runs: compiled once, then block by block.

In: the nodes and routes of a graph. Out: a Plan whose `run` and `arun` take an input, a store and a context. `lifecycle` is
the life cycle of a node, `block` puts nodes of one shape together, `plan` goes from block to block by their actions, and
`fan_out` runs plans over many items on the workers of a run.
"""
