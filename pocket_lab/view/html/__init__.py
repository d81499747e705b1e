"""HTML fragments and pages that load nothing from the network.

In: frames and text, which is escaped unless it is Markup. Out: Markup.
"""
