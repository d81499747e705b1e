"""Where and how a measurement was made, in words."""

from __future__ import annotations

from pocket_lab.records.environment import Environment


def describe_environment(environment: Environment | None) -> str:
    """Python, platform, cores, load and settings of a measurement; "" if they are not known."""
    if environment is None:
        return ""
    more = [
        f"a CPU quota of {environment.cpu_quota:g} cores" if environment.cpu_quota is not None else "",
        f"governor {environment.governor}" if environment.governor else "",
        f"git revision {environment.revision}" if environment.revision else "",
        _lock(environment),
        f"garbage collection {environment.gc}" if environment.gc else "",
    ]
    where = f"Python {environment.python}, {environment.platform}, {environment.processor}, {environment.cores} cores"
    return ", ".join([where, f"load {environment.load_1m:.2f} at the start", *filter(None, more)])


def _lock(environment: Environment) -> str:
    """The interpreter lock of a free-threaded Python; "" for others."""
    if environment.gil is None:
        return ""
    if not environment.gil:
        return "interpreter lock off" + (", before and after the imports" if environment.gil_at_start is False else "")
    if environment.gil_at_start is not False:
        return "interpreter lock on" + (", before the imports already" if environment.gil_at_start else "")
    who = environment.gil_enabled_by
    return "interpreter lock off before the imports and turned on " + (f"by that of {who}" if who else "during them")
