"""Pictures on matplotlib Axes.

In: a frame. Out: Axes that are drawn on, or a LabFigure that shows itself as PNG or SVG. One module per chart.
"""
