"""Where and how a measurement was made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a measurement was made, and how: `cores` are those that it may use, a container's CPU quota included.

    `governor` is the processor's frequency policy, `memory_bytes` what the machine or its container has, `revision` the git
    commit of the working directory ("+" where files have changed since), `gc` what was done about garbage collection; None
    or empty where it is not known. Of a free-threaded Python, `gil` says whether its lock was on once the target was imported,
    `gil_at_start` before that, and `gil_enabled_by` names the extension module whose import turned it on.
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
    gil: bool | None = None
    gil_at_start: bool | None = None
    gil_enabled_by: str | None = None
