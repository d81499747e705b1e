"""What Pocket Lab measures: immutable nodes and graphs, a store, and a plan compiled once per graph.

In: functions as nodes, and paths of routes between them (`a >> b`, `a - "action" >> b`), which a Graph merges and owns. Out:
results of runs (`run`, `map`, `imap`, and their async forms), an SVG drawing, and the events of each visit for observers.

`node`, `path`, `graph`, `combinators`, `store`, `context` and `observers` are what a user sees; `runtime` compiles and runs a
graph, `drawing` draws it.
"""
