"""The one place where records become pandas frames.

In: records, or the columns of stored samples. Out: tidy frames, one row per observation, with units in the column names. A
point's columns are its fields, and rows belong together where all of them are equal.
"""
