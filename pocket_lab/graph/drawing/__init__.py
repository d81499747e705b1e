"""A graph as a picture: `layout` positions nodes and routes, `svg` draws them.

In: nodes and edges. Out: one inline SVG in the colours of the page, without a script or a network.
"""
