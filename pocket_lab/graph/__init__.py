"""The thing that is measured: immutable nodes and graphs, a store, and a plan compiled once per graph.

node, Node, Route      what one step does, and where it sends its result
a >> b, a - "x" >> b   paths, which are values; a Graph merges them and owns the routes
Graph.run, Graph.map   one input through the graph; many inputs, each a run (arun, amap on an event loop; imap one by one)
fan_out, fan_in, ...   nodes made of nodes, which give work to the workers of the run
Store, Context         what a run keeps, and what it may use until when

The life cycle is written once (lifecycle), cut to the shapes of the nodes of a graph (specialise), put together as blocks
(block), and run from block to block (plan).
"""
