"""The points of a sweep: the job of the parameters of each, and sums over those that are in the rounds.

In: a Job, samplers. Out: the Job of a point, what the open points still need.
"""
