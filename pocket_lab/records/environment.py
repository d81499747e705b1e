"""Where and how a measurement was made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a measurement was made, and how: `cores` are those that it may use, a container's CPU quota included.

    `governor` is the processor's frequency policy, `memory_bytes` what the machine or its container has, `revision` the git
    commit of the working directory ("+" where files have changed since), `gc` what was done about garbage collection; None
    or empty where it is not known.
    """

    python: str
    platform: str
    processor: str
    cores: int
    load_1m: float
    packages: dict[str, str]
    governor: str | None = None
    cpu_quota: float | None = None
    memory_bytes: int | None = None
    revision: str | None = None
    gc: str = ""
