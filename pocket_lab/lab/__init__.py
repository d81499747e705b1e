"""The verbs that a user calls, and the result object of each.

In: a target and options. Out: a Result: its records, `.frame`, `.plot()`, findings, caveats, and a rich representation. Every
record is in the history before a notebook or the command line receives it.
"""
