"""The thing that is measured: immutable nodes and graphs, a store, and a plan compiled once per graph.

node, Node, Route      what one step does, and where it sends its result
a >> b, a - "x" >> b   paths, which are values; a Graph merges them and owns the routes
Graph.run, Graph.map   one input through the graph; many inputs, each a run
fan_out                one node (or graph) over every item of its input, on the workers of the run
"""
