"""Whether two runs were made in places whose times can be compared."""

from __future__ import annotations

from pocket_lab.records import Environment

_DECISIVE = ("python", "platform", "processor", "cores")


def differences(a: Environment | None, b: Environment | None) -> list[str]:
    """What of two places differs that times depend on; that is all of it where one is not known."""
    if a is None or b is None:
        return ["what is known of their machines"]
    return [name for name in _DECISIVE if getattr(a, name) != getattr(b, name)]
