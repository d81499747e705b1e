"""How a worker process of Python is started: with the options of this one."""

from __future__ import annotations

import sys


def environment_of_options() -> dict[str, str] | None:
    """The variables that say the same as the options of this interpreter; None where there are none."""
    variables = {"PYTHONOPTIMIZE": str(sys.flags.optimize)} if sys.flags.optimize else {}
    variables |= {"PYTHON_GIL": str(sys._xoptions["gil"])} if "gil" in sys._xoptions else {}
    return variables or None
