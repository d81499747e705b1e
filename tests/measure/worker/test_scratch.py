"""The scratch folder leaves with the measurement, and that of a killed process with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pocket_lab.measure.worker.scratch import make_scratch, scratch_folder

HOLDS = """
import os, sys
from pocket_lab.measure.worker.scratch import make_scratch, scratch_folder
with scratch_folder() as folder:
    lock = make_scratch(folder)
    open(folder + "/capture", "w").close()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_it_is_private_and_gone_afterwards_also_where_it_was_never_made() -> None:
    with scratch_folder() as folder:
        os.close(make_scratch(folder))
        assert os.stat(folder).st_mode & 0o777 == 0o700
        (Path(folder) / "file").touch()
        with scratch_folder() as other:
            assert not Path(other).exists()
        assert Path(folder).exists()
    assert not Path(folder).exists()


def test_the_folder_of_a_killed_process_goes_with_the_next_measurement_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in "ab"
    ]
    killed, living = [Path(holder.stdout.readline().strip()) for holder in holders if holder.stdout is not None]
    try:
        holders[0].kill()
        holders[0].wait()
        assert killed.exists()
        with scratch_folder():
            assert not killed.exists()
            assert living.exists()
    finally:
        for holder in holders:
            holder.communicate("")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_another_container_is_locked_and_stays() -> None:
    """Its process has a number that is unknown here."""
    with scratch_folder() as folder:
        foreign = folder.replace(f"-{os.getpid()}-", "-4194304-")
        lock = make_scratch(foreign)
        try:
            with scratch_folder():
                assert Path(foreign).exists()
        finally:
            os.close(lock)
        with scratch_folder():
            assert not Path(foreign).exists()
