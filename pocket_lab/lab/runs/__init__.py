"""A measurement while it runs: its records are collected, shown and kept.

In: the stream of records of a verb, and the run that it resumes. Out: the list of records that a result is made of, their copy
in the history, and the newest result.
"""
