"""What frames mean: growth, speed-up, comparison, noise, critical path, advice.

In: frames. Out: findings, which are frames or frozen dataclasses that hold an estimate and its uncertainty, or "cannot tell".
The functions are pure; the sentences about findings are in `view/findings`.
"""
