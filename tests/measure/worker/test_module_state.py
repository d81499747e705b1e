"""A module that differs from what its file has now is named, with the attributes that the target uses and no others."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab import Graph, Node, bench, lines
from pocket_lab.measure.worker.module_state import difference_message, differing, versions_here

SOURCE = """
FACTOR = 3
LABEL = "a"
class Scale:
    def by(self, n):
        return n * FACTOR
def helper(n):
    return Scale().by(n)
def score(n):
    return helper(n)
def plain(n):
    '''Nothing of the others.'''
    return n
"""


@pytest.fixture
def score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "score_of_tests.py").write_text(SOURCE)
    yield importlib.import_module("score_of_tests")
    sys.modules.pop("score_of_tests", None)


def fresh(source: str) -> ModuleType:
    """The module as a process that imports the file has it."""
    module = ModuleType("score_of_tests")
    exec(compile(source, "score_of_tests.py", "exec", dont_inherit=True), vars(module))
    return module


def found(target: Any, source: str) -> list[str]:
    (versions,) = versions_here([target]).values()
    return differing(fresh(source), versions)


@pytest.mark.parametrize(
    ("old", "new", "attributes"),
    [
        ("FACTOR = 3", "FACTOR = 4", ["FACTOR"]),
        ("n * FACTOR", "n + FACTOR", ["Scale"]),
        ("Scale().by(n)", "0", ["helper"]),
        ("def helper", "def renamed", ["helper"]),
        ("return n\n", "return -n\n", []),
        ("FACTOR = 3", "# a comment\nFACTOR = 3", []),
        ('LABEL = "a"', 'LABEL = "b"', []),
    ],
)
def test_an_edit_counts_where_the_target_uses_it(score: Any, old: str, new: str, attributes: list[str]) -> None:
    assert found(score.score, SOURCE.replace(old, new)) == attributes
    assert found(Graph(Node("score", exec=score.score)), SOURCE.replace(old, new)) == attributes


def test_an_import_inside_the_function_is_followed(score: Any) -> None:
    def target(n: int) -> Any:
        import score_of_tests  # type: ignore[import-not-found]

        return score_of_tests.score(n)

    versions = versions_here([target])["score_of_tests"]
    assert differing(fresh(SOURCE.replace("FACTOR = 3", "FACTOR = 4")), versions) == ["FACTOR"]
    assert differing(fresh(SOURCE), versions) == []


@given(st.sampled_from(["FACTOR", "LABEL"]), st.one_of(st.integers(), st.text(max_size=5), st.lists(st.booleans(), max_size=3)))
def test_a_value_that_was_set_differs_exactly_where_it_is_another_one(name: str, value: Any) -> None:
    module = fresh(SOURCE)
    sys.modules["score_of_tests"] = module
    module.__spec__ = importlib.machinery.ModuleSpec("score_of_tests", None)
    module.__file__ = "/nowhere/score_of_tests.py"
    try:
        before = getattr(module, name)
        setattr(module, name, value)
        exec(f"def use():\n    return {name}", vars(module))
        differs = type(value) is not type(before) or value != before
        assert (name in found(module.use, SOURCE + f"\ndef use():\n    return {name}")) is differs
    finally:
        del sys.modules["score_of_tests"]


def by_hand(function: Callable[..., Any]) -> Any:
    """A copy, as a cell would define it."""
    copy = FunctionType(function.__code__, {"__name__": "__main__"}, function.__name__)
    copy.__module__ = "__main__"
    return copy


def test_what_is_set_on_an_installed_module_or_its_class_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def patched(*_: Any, **__: Any) -> str:
        return "patched"

    target = lambda n: json.dumps(n)  # noqa: E731
    installed = {name: one for name, one in versions_here([target]).items() if name == "json"}
    assert set(installed["json"]) == {"dumps"}
    monkeypatch.setattr(json.JSONEncoder, "encode", by_hand(patched))
    changed = versions_here([target])["json"]
    assert set(changed) == {"dumps", "JSONEncoder.encode"}
    monkeypatch.undo()
    assert differing(json, changed) == ["JSONEncoder.encode"]
    assert "reload" not in difference_message(json, ["dumps"])


def test_what_the_interpreter_collects_in_its_own_modules_is_of_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def target() -> int:
        print(sys.stdout, file=sys.stderr)  # a kernel has streams of its own
        sys.excepthook(ValueError, ValueError(), None)
        return len(sys.modules) + len(sys.path_importer_cache) + sys.hexversion

    class Hook:
        def __call__(self, *error: object) -> None:
            """As an object of a kernel."""

    monkeypatch.setattr(sys, "excepthook", Hook())
    (name,) = versions = versions_here([target])
    assert (name, list(versions["sys"])) == ("sys", ["hexversion"])
    message = difference_message(sys, ["hexversion"])
    assert message.startswith(
        "in the measuring process hexversion of the module sys is not that of the calling process: measure"
    )


def test_a_measurement_says_it_with_what_to_do_and_once(score: Any, tmp_path: Path) -> None:
    (tmp_path / "score_of_tests.py").write_text(SOURCE.replace("FACTOR = 3", "FACTOR = 40"))
    for result in (bench(score.score, sizes="1,2", budget="0.5s"), lines(score.score, size=1)):
        (said,) = [caveat.message for caveat in result.caveats if caveat.code == "other-module"]
        assert "FACTOR is not that of the calling process" in said
        assert "reload score_of_tests" in said
        assert 'isolation="kernel"' in said
    assert "other-module" not in {caveat.code for caveat in bench(score.plain, size=1, budget="0.3s").caveats}
    assert bench(score.score, size=1, budget="0.3s", isolation="kernel").caveats[0].code == "in-place"


def test_a_function_that_its_file_has_no_more_is_an_error_that_says_why(score: Any, tmp_path: Path) -> None:
    (tmp_path / "score_of_tests.py").write_text(SOURCE.replace("def score", "def renamed"))
    with pytest.raises(AttributeError) as raised:
        bench(score.score, size=1, budget="0.3s")
    (note,) = raised.value.__notes__
    assert "has imported score_of_tests from its file, and score is not in it" in note
    assert 'isolation="kernel"' in note
