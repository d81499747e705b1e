"""A module whose file was edited after it had been imported: the measuring process imports it as it is now."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pocket_lab import UsageError, bench, lines, memory

SOURCE = "def total(n):\n    a = sum(range(n))\n    return a + 1\n"


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "edited_later.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("edited_later")
    del sys.modules["edited_later"]


def edit(module: ModuleType, text: str) -> None:
    assert module.__file__ is not None
    Path(module.__file__).write_text(text)


def test_the_lines_that_ran_are_shown_and_not_those_of_the_calling_process(edited: ModuleType) -> None:
    edit(edited, "# one\n\n# two\n" + SOURCE.replace("+ 1", "+ 2"))
    result = lines(edited.total, size=10)
    assert [(row["line"], row["source"].strip()) for row in result.frame.to_dict("records")] == [
        (4, "def total(n):"),
        (5, "a = sum(range(n))"),
        (6, "return a + 2"),
    ]
    assert "other-module" in [caveat.code for caveat in result.caveats]


@pytest.mark.parametrize("verb", [bench, lines, memory])
def test_a_file_that_is_no_python_any_more_is_named_in_one_sentence_with_what_to_do(edited: ModuleType, verb: Any) -> None:
    edit(edited, SOURCE + "\ndef broken(:\n")
    with pytest.raises(UsageError, match=r'edited_later\.py, line 5: .*; .*correct it, or .*isolation="kernel"') as found:
        verb(edited.total, size=10)
    assert found.value._render_traceback_() == [f"UsageError: {found.value}"]
    assert "rebuilt" not in str(found.value)
    assert isinstance(found.value.__cause__, SyntaxError)
