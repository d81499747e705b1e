"""Text tables, errors and progress for a terminal and a page alike.

In: frames, errors and records. Out: TextTables and lines.
"""
