"""The measuring process: started, watched and ended by its parent.

In: a pickled (task, job). Out: records as JSON lines on a pipe, the target's output, and a Heartbeat a tick. Nothing of it
outlives its parent: `watchdog` ends the whole process group.
"""
