"""Copies of source lines, and what is said of code without any."""

from __future__ import annotations

import linecache
from typing import Any

import pytest

from pocket_lab.profile.lines.code_blocks import traced_code
from pocket_lab.profile.lines.source_lines import line_sources
from pocket_lab.profile.lines.traced_functions import traced_functions
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.sources import Source

TEXT = "def made(size):\n    return size + 1\n"


def of_file(name: str, text: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(text, name, "exec"), names)
    return names["made"]


def known(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setitem(linecache.cache, name, (len(text), None, text.splitlines(keepends=True), name))


def sources(*functions: Any) -> tuple[list[Source], list[Caveat]]:
    found = list(line_sources(traced_code(functions[0], "work", traced_functions(functions[1:])[0])[0]))
    return [each for each in found if isinstance(each, Source)], [each for each in found if isinstance(each, Caveat)]


def test_a_function_of_a_file_has_its_lines() -> None:
    (source,), caveats = sources(known)
    assert source.lines[0].startswith("def known")
    assert "monkeypatch.setitem" in source.lines[1]
    assert not caveats


def test_code_of_exec_has_none_and_that_is_said() -> None:
    found, (caveat,) = sources(of_file("<string>", TEXT))
    assert not found
    assert caveat.code == "no-source"
    assert caveat.message == 'no source is known for made of "work" (in <string>): only the numbers of its lines are shown'


@pytest.mark.parametrize("name", ["<string>", "<made by a template 7>"])
def test_code_of_exec_has_the_lines_that_linecache_knows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, name, TEXT)
    (source,), caveats = sources(of_file(name, TEXT))
    assert source == Source(name, 1, tuple(TEXT.splitlines(keepends=True)))
    assert not caveats


@pytest.mark.parametrize("other", ["def made(size):\n    return size + 2\n", "not python\n\n\n"])
def test_lines_of_other_code_of_the_same_name_are_not_shown(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, "<string>", other)
    found, (caveat,) = sources(of_file("<string>", TEXT))
    assert not found
    assert "made" in caveat.message
    known(monkeypatch, "<string>", TEXT)
    found, (caveat,) = sources(of_file("<string>", TEXT), of_file("<string>", "#\n" + TEXT))
    assert not found, "a line number would mean both"
