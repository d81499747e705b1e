"""The frozen records that a measurement yields: all that crosses a process or a pipe, and all that the history keeps.

In: what a measuring process, a profiler or a monitor saw, in base units (seconds, bytes, counts); every field is JSON. Out:
one stream of records, consumed by progress, history and frames, with `codec` for the pipe and the file. Each kind of
record has a module; `record` has their union, and doubt travels along as `Caveat`.
"""
