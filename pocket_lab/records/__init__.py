"""The frozen records that a measurement yields: the only thing that crosses a process or a pipe.

Base units throughout (seconds, bytes, counts); every field is JSON. A measurement is an iterator of these; progress,
frames and cancellation are consumers of that one stream. Doubt travels with it as `Caveat`.

A module for each kind; `record` has the union of all.
"""
