"""What runs leave behind.

In: repeated runs of one point. Out: a Leftover for each thread, task, process or descriptor that remains, a MemoryReading
after each run, and the source lines that retain memory.

`creation_sites` notes where resources are created, `resources` lists those that exist, `process_watch` compares the lists of a
process before and after runs, and `instrument` repeats the run and decides what to report.
"""
