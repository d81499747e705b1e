"""Results for other people and other tools.

In: frames and results. Out: files: `exchange` has a module for each format.
"""
