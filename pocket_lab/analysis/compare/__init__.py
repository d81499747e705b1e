"""Is b faster or slower than a?

In: the rounds of pairs, or the samples of two stored runs (`frames`). Out: a row per pair with its ratio, interval and verdict,
"cannot tell" included.
"""
