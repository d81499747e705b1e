"""Pictures of frames and findings: text tables, matplotlib Axes, SVG and HTML text.

No pyplot state and no global style; all that comes from a user is escaped. Pictures take the colour of the text around
them, so that they read on light and on dark pages.
"""
