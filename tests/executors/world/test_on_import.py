"""A callback runs when its module has been imported, once, and changes nothing about the module."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pocket_lab.executors.world.on_import import when_imported


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before, finders = set(sys.modules), list(sys.meta_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    assert sys.meta_path == finders, "a finder was left"


def test_a_loaded_module_is_passed_at_once() -> None:
    seen: list[ModuleType] = []
    when_imported("json", seen.append)
    assert seen == [sys.modules["json"]]


def test_another_one_after_its_import_and_a_look_for_it_does_not_count(folder: Path) -> None:
    (folder / "awaited_one.py").write_text("VALUE = 7\n")
    seen: list[int] = []
    when_imported("awaited_one", lambda module: seen.append(module.VALUE))
    when_imported("awaited_one", lambda module: seen.append(-module.VALUE))
    assert importlib.util.find_spec("awaited_one") is not None
    assert seen == []
    module = importlib.import_module("awaited_one")
    assert seen == [7, -7]
    assert module.__spec__ is not None
    assert type(module.__loader__) is type(module.__spec__.loader) is importlib.machinery.SourceFileLoader
    importlib.reload(module)
    assert seen == [7, -7]


def test_an_import_that_fails_may_be_tried_again(folder: Path) -> None:
    (folder / "awaited_two.py").write_text("raise OSError('not today')\n")
    seen: list[str] = []
    when_imported("awaited_two", lambda module: seen.append(module.__name__))
    with pytest.raises(OSError, match="not today"):
        importlib.import_module("awaited_two")
    assert seen == []
    (folder / "awaited_two.py").write_text("\n")
    importlib.invalidate_caches()
    importlib.import_module("awaited_two")
    assert seen == ["awaited_two"]
