"""The verbs that a user calls, and the result object of each: records, a frame, a plot, a rich representation."""
