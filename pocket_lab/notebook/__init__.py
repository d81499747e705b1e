"""The face in a notebook: magics that parse a line, call one verb and display its result; the live widgets.

In: a magic's line. Out: a result, displayed exactly once. No logic is here.
"""
