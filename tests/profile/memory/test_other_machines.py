"""memray's captures are files: workers on other machines are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pocket_lab.errors import UsageError
from pocket_lab.executors.serial import SerialPool
from pocket_lab.profile.memory.tracker import Tracking, tracked


class Far(SerialPool):
    other_machines = ["mars", "venus"]  # type: ignore[assignment]  # noqa: RUF012


def test_workers_on_other_machines_are_named_before_anything_is_started(tmp_path: Path) -> None:
    watched = tracked(tmp_path / "capture.bin", Tracking(), Far())
    with pytest.raises(UsageError, match=r"workers are on mars, venus, .* profile memory with executors="):
        watched.__enter__()
    assert not list(tmp_path.iterdir())
