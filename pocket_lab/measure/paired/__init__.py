"""Two targets compared: pairs of neighbouring batches, both targets rebuilt for every block.

In: two Jobs as a PairedJob. Out: Blocks with their Samples and Waits.
"""
