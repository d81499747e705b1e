"""The parameters of a sweep: their values with short labels, and who takes them.

In: options, a target, an input. Out: labels, values by label, the target and the input with the values of a combination.
"""
