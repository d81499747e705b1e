"""What each source line of a node costs.

In: a run of each point under line_profiler, in threads, tasks and worker processes. Out: a LineCost for each line.
"""
