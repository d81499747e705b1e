"""Whether the environments of two runs allow their times to be compared."""

from __future__ import annotations

from pocket_lab.records.environment import Environment

_DECISIVE = ("python", "platform", "processor", "cores", "cpu_quota", "governor")


def differences(a: Environment | None, b: Environment | None) -> list[str]:
    """The names of the properties that times depend on and that differ; one text where an environment is unknown."""
    if a is None or b is None:
        return ["environment (one of them was not recorded)"]
    return [name for name in _DECISIVE if getattr(a, name) != getattr(b, name)]


def other_locks(a: Environment | None, b: Environment | None) -> list[str]:
    """The lock of a free-threaded Python, where it was on in one run and off in the other once the target was imported."""
    locks = [None if environment is None else environment.gil for environment in (a, b)]
    return ["the interpreter lock (on in one, off in the other)"] if set(locks) == {True, False} else []


def other_packages(a: Environment | None, b: Environment | None) -> list[str]:
    """The packages of both environments whose versions differ: "numpy 1.26.4 and 2.0.0"."""
    one, two = ({} if environment is None else environment.packages for environment in (a, b))
    return [f"{name} {one[name]} and {two[name]}" for name in sorted(one.keys() & two.keys()) if one[name] != two[name]]
