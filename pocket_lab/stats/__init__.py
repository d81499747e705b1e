"""Statistics of repeated measurements: numbers in, numbers out.

In: sequences of seconds, bytes or ratios in the order in which they were measured. Out: estimates with intervals (NaN without
enough data), classes and slopes. Nothing here knows a record, a frame or a clock, and scipy loads only where it is used.
"""
