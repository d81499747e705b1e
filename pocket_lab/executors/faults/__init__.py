"""What goes wrong around the work of a pool: interrupts, forks, and processes that die.

In: the moments in which a pool changes its state, the descriptors that its workers inherit. Out: interrupts that come a moment
later, forked children that end where they should, the exit code and the item of a dead worker.
"""
