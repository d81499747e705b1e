"""The one place where records become pandas frames.

In: records, or the columns of stored samples. Out: tidy frames, one row per observation, with units in the column names. The
point columns are the fields of Point, and rows belong to one point only where all of them are equal.
"""
