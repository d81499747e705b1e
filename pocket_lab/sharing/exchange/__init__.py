"""Files in the formats of other tools, one module for each format.

In: a frame. Out: a file at a path, or a UsageError that says why it cannot be written.
"""
