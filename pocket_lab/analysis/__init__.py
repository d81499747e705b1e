"""What frames mean: growth, speed-up, comparison, noise, critical path, advice.

In: frames. Out: findings as frozen values with their uncertainty, or "cannot tell". Pure functions; the words for them are in
`view/findings`.
"""
