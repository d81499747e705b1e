"""Findings and caveats in sentences.

In: findings of `analysis`, frames, the environment. Out: a sentence each, and none if the data do not support one.
"""
