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
        f"garbage collection {environment.gc}" if environment.gc else "",
    ]
    where = f"Python {environment.python}, {environment.platform}, {environment.processor}, {environment.cores} cores"
    return ", ".join([where, f"load {environment.load_1m:.2f} at the start", *filter(None, more)])
