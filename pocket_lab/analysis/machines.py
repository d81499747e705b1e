"""Whether two runs were made in places whose times can be compared."""

from __future__ import annotations

from pocket_lab.records.environment import Environment

_DECISIVE = ("python", "platform", "processor", "cores", "cpu_quota", "governor")


def differences(a: Environment | None, b: Environment | None) -> list[str]:
    """What of two places differs that times depend on; that is all of it where one is not known."""
    if a is None or b is None:
        return ["what is known of their machines"]
    return [name for name in _DECISIVE if getattr(a, name) != getattr(b, name)]


def other_packages(a: Environment | None, b: Environment | None) -> list[str]:
    """The packages of both places that have other versions: "numpy 1.26.4 and 2.0.0"."""
    one, two = ({} if place is None else place.packages for place in (a, b))
    return [f"{name} {one[name]} and {two[name]}" for name in sorted(one.keys() & two.keys()) if one[name] != two[name]]
