"""HTML fragments and pages that load nothing from the network.

In: frames, and text that is escaped by its type. Out: Markup.
"""
