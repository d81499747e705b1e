"""The lock of a free-threaded Python before and after the imports; `sys` is made to be one, and the extensions are real."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

import pytest

from pocket_lab.executors.processes import ProcessPool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.job import Job
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.sampler import sample_pairs
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.worker.gil import GilWatch, gil_caveats, is_gil_enabled, watch_gil
from pocket_lab.measure.worker.process import stream
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.codec import decode, encode
from pocket_lab.records.environment import Environment
from pocket_lab.records.record import Record
from pocket_lab.view.findings.environment import describe_environment

NEEDS_LOCK = "xxlimited"  # an extension module of the standard library that nobody uses


@pytest.fixture
def free_threaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An interpreter whose lock is off until the extension is there."""
    pytest.importorskip(NEEDS_LOCK)
    sys.modules.pop(NEEDS_LOCK)
    monkeypatch.setattr(sys, "abiflags", "t")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: NEEDS_LOCK in sys.modules, raising=False)
    steps = ExtensionFileLoader.create_module, ExtensionFileLoader.exec_module
    yield
    STATE.close(GilWatch)
    sys.modules.pop(NEEDS_LOCK, None)
    assert (ExtensionFileLoader.create_module, ExtensionFileLoader.exec_module) == steps


def job_of(target: Callable[..., object]) -> Job:
    return plan_job(target, None, parse_sweep(budget=0.5, isolation="kernel", references=False))


def test_an_interpreter_with_a_lock_for_good_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "abiflags", "")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    watch_gil()
    here = read_environment()
    assert (here.gil, here.gil_at_start, here.gil_enabled_by) == (None, None, None)
    assert "lock" not in describe_environment(here)
    assert STATE.get(GilWatch) is None


@pytest.mark.usefixtures("free_threaded")
def test_the_lock_is_off_before_and_after_imports_that_do_without() -> None:
    watch_gil()
    sys.modules.pop("xxlimited_35", None)
    importlib.import_module("xxlimited_35")
    here = read_environment()
    assert (here.gil, here.gil_at_start, here.gil_enabled_by) == (False, False, None)
    assert "interpreter lock off, before and after the imports" in describe_environment(here)
    assert decode(encode(here)) == here


@pytest.mark.usefixtures("free_threaded")
def test_the_extension_that_turned_it_on_is_named_and_not_the_module_that_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imports_an_extension.py").write_text(f"import {NEEDS_LOCK}\nimport xxlimited_35\n")
    monkeypatch.syspath_prepend(tmp_path)
    watch_gil()
    importlib.import_module("imports_an_extension")
    here = read_environment()
    assert (here.gil, here.gil_at_start, here.gil_enabled_by) == (True, False, NEEDS_LOCK)
    assert f"off before the imports and turned on by that of {NEEDS_LOCK}" in describe_environment(here)


@pytest.mark.usefixtures("free_threaded")
def test_a_lock_that_was_on_before_the_imports_has_nobody_who_turned_it_on() -> None:
    importlib.import_module(NEEDS_LOCK)
    watch_gil()
    importlib.import_module("xxlimited_35")
    here = read_environment()
    assert (here.gil, here.gil_at_start, here.gil_enabled_by) == (True, True, None)
    assert "interpreter lock on, before the imports already" in describe_environment(here)


def in_a_bench(job: Job) -> Iterator[Record]:
    return sample(job)


def in_a_comparison(job: Job) -> Iterator[Record]:
    return sample_pairs(PairedJob(job, job, 0.5, 0.5, check_equal=False))


@pytest.mark.usefixtures("free_threaded")
@pytest.mark.parametrize("measured", [in_a_bench, in_a_comparison])
def test_an_import_in_the_runs_that_turns_it_on_is_a_caveat_with_its_name(
    measured: Callable[[Job], Iterator[Record]],
) -> None:
    watch_gil()
    records = list(measured(job_of(lambda _: importlib.import_module(NEEDS_LOCK))))
    assert next(record for record in records if isinstance(record, Environment)).gil is False
    (caveat,) = (record for record in records if isinstance(record, Caveat) and record.code == "gil-turned-on")
    assert f"turned on by the import of {NEEDS_LOCK}" in caveat.message


@pytest.mark.usefixtures("free_threaded")
def test_without_a_watch_the_state_is_known_and_no_name() -> None:
    here = read_environment()
    assert (here.gil, here.gil_at_start) == (False, None)
    assert list(gil_caveats(here)) == []
    importlib.import_module(NEEDS_LOCK)
    (caveat,) = gil_caveats(here)
    assert caveat.message == "the interpreter lock was off when the runs began and was turned on"
    assert list(gil_caveats(replace(here, gil=True))) == []


def report_option(job: Job) -> Iterator[Record]:
    yield Caveat("gil", f"{sys._xoptions.get('gil')} {is_gil_enabled()}")


def test_the_option_of_the_interpreter_is_that_of_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys._xoptions, "gil", "1")
    (message,) = (record.message for record in stream(report_option, job_of(int)) if isinstance(record, Caveat))
    assert message.startswith("1 ")
    with ProcessPool(1) as pool:
        assert pool.everywhere(lambda: os.environ.get("PYTHON_GIL")) == ["1"]
