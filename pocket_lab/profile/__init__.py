"""Where memory and time go, per node: one run under an instrument, in a measuring process of its own.

Each profile is a task like the sampler (`Job` in, records out). No time in a bench ever comes from one of these runs.
"""
