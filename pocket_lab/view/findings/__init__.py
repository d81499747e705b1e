"""Findings and caveats in sentences.

In: findings of `analysis`, frames, the environment. Out: one plain sentence each, and nothing where the data do not carry one.
"""
