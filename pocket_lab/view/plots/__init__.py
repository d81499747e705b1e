"""Pictures on matplotlib Axes.

In: a frame. Out: Axes that are drawn on, or a LabFigure that shows itself as PNG or SVG. Each result has a
module for its picture; `figure` (style, SVG), `bars` and `timeline` (the lower panels of `memory`) are parts of them.
"""
