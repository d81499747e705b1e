"""What a measurement says of its machine: what it may use, and nothing of whose it is."""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pocket_lab
from pocket_lab.measure.environment import cpu_quota, read_environment, usable_cores
from pocket_lab.records.codec import decode, encode


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def test_it_tells_of_this_interpreter_and_its_packages() -> None:
    here = read_environment()
    assert here.python == platform.python_version()
    assert here.platform == f"{platform.system()} {platform.machine()}"
    assert here.packages["pocket-lab"] == pocket_lab.__version__
    assert here.packages["pytest"] == pytest.__version__, "what is imported is named with its version"
    assert not {"os", "json", "sys"} & here.packages.keys()
    assert here.load_1m >= 0
    assert here.cores >= 1
    assert here.gc == "", "what is done about garbage collection is for the sampler to say"


def test_it_crosses_the_pipe_unchanged() -> None:
    here = read_environment()
    assert decode(encode(here)) == here


def test_nothing_names_the_owner() -> None:
    told = json.dumps(asdict(read_environment()))
    private = {str(Path.home()), str(Path.cwd()), f'"{getpass.getuser()}"', f'"{socket.gethostname()}"', os.environ.get("HOME")}
    assert not [word for word in private if word and word != "/" and word in told]


@given(st.floats(0.01, 64.0))
def test_cores_are_cut_by_a_quota_and_never_below_one(quota: float) -> None:
    cores, free = usable_cores(quota), usable_cores(None)
    assert 1 <= cores <= free
    assert cores == free or quota <= cores < quota + 1 or (cores == 1 and quota < 1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="there is no affinity here")
def test_cores_are_those_that_the_process_may_use() -> None:
    assert usable_cores(None) == len(os.sched_getaffinity(0))
    script = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from pocket_lab.measure.environment import read_environment; print(read_environment().cores)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "1\n"


def test_a_quota_is_a_number_of_cores_or_nothing() -> None:
    quota = cpu_quota()
    assert quota is None or 0 < quota < 10_000


def test_memory_is_not_more_than_the_machine_has() -> None:
    memory = read_environment().memory_bytes
    assert memory is not None
    assert 2**24 < memory <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_the_revision_is_that_of_the_working_folder_with_a_plus_where_files_have_changed(folder: Path) -> None:
    assert read_environment().revision is None
    git(folder, "init")
    assert read_environment().revision is None, "there is no commit yet"
    (folder / "code.py").write_text("1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    git(folder, "tag", "-a", "v9", "-m", "a tag does not stand for the commit")
    clean = read_environment().revision
    assert clean is not None
    assert len(clean) == 12
    assert set(clean) <= set("0123456789abcdef")
    (folder / "code.py").write_text("2\n")
    assert read_environment().revision == clean + "+"


def test_without_git_there_is_no_revision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert read_environment().revision is None
