"""The options of every verb, each written down once.

In: `table.py`, an `Option` per row, and `verbs.py`, a `Verb` per row. Out: the signatures and docstrings of the verbs, the
arguments of the magics, the options of the command line, the completions, and a `Request` parsed from keywords.
"""
