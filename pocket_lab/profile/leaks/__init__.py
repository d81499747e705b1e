"""What runs leave behind.

In: repeated runs of one point. Out: a Leftover for each thread, task, process or descriptor that remains, a MemoryReading
after each run, the source lines that retain memory, and the containers with a bound that are not full yet.

`creation_sites` notes where resources are created, `resources` lists those that exist, `process_watch` compares the lists of a
process before and after runs, and `instrument` repeats the run, as long as `extension` allows where memory rises. `retained`
finds the lines and `bounded_containers` the containers.
"""
