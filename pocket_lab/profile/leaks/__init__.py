"""What runs leave behind.

In: the same run again and again. Out: a Leftover for each thread, task, process or descriptor that stays, memory after each
run, and the source lines that retain it.
"""
