"""The one place where records become pandas frames: tidy, one row per observation, units in the column names.

A module for each kind of measurement; `points` has what they share.
"""
