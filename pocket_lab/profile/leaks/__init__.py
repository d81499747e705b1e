"""What runs leave behind.

In: repeated runs of one point. Out: a Leftover for each thread, task, process or descriptor that remains, a MemoryReading
after each run, and the source lines that retain memory. creation_sites -> resources -> process_watch -> detector.
"""
