"""History from end to end: what a verb returned comes back as it was."""

from __future__ import annotations

import math
import re
import sqlite3
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from history_targets import failing, work

import pocket_lab
from pocket_lab import Bench, History, HistoryError, StoredError, UsageError, bench, compare, cpu, leaks, lines, memory, trace
from pocket_lab.executors.outcome import user_frames
from pocket_lab.history.archive import Archive
from pocket_lab.lab.runs.machine_speed import speed_of
from pocket_lab.records.environment import Environment
from pocket_lab.records.samples import Reference

VERBS: dict[str, Any] = {
    "bench": lambda name: bench(work, sizes="10,100", budget=0.5, name=name),
    "compare": lambda name: compare(work, work, sizes="10,100", budget=0.5, name=name, margin="3%"),
    "memory": lambda name: memory(work, size=100, name=name),
    "lines": lambda name: lines(work, size=100, name=name),
    "cpu": lambda name: cpu(work, size=100_000, name=name),
    "leaks": lambda name: leaks(work, size=100, runs=5, name=name),
    "trace": lambda name: trace(work, size=100, name=name),
}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKET_LAB_HOME", str(tmp_path))


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_comes_back_as_the_result_that_its_verb_returned(verb: str) -> None:
    made = VERBS[verb]("kept")
    for key in ("kept", made.run):
        loaded = History().load(key)
        assert type(loaded) is type(made)
        assert (loaded.name, loaded.run, loaded.title) == (made.name, made.run, made.title)
        pd.testing.assert_frame_equal(loaded.frame, made.frame)
        if hasattr(made, "samples"):
            pd.testing.assert_frame_equal(loaded.samples, made.samples)
        assert (loaded.findings, loaded.caveats, loaded.failures) == (made.findings, made.caveats, made.failures)
        assert str(loaded) == str(made)
    assert History().frame["verb"].tolist() == [verb]


def test_a_failed_point_and_its_error_come_back_too() -> None:
    made = bench(failing, sizes="1,2", budget=0.5, name="failed")
    loaded = History().load("failed")
    assert loaded.failures == made.failures
    assert isinstance(loaded.error, StoredError)
    assert str(loaded.error) == f"ValueError: {made.error}"
    assert user_frames(loaded.error) == user_frames(made.error) != ()
    assert History().frame["status"].tolist() == ["failed"]


def test_the_list_tells_each_run_newest_first_and_runs_are_named_tagged_and_deleted() -> None:
    for name in ("one", "two", "three"):
        bench(work, size=10, budget=0.2, name=name, isolation="kernel")
    history = History()
    history.tag("one", "release", "mine")
    history.untag("one", "mine")
    history.rename("two", "second")
    history.delete("three")
    frame = history.frame
    assert list(frame["name"]) == ["second", "one"]
    assert list(frame["tags"]) == ["", "release"]
    assert "release" in str(history)


def test_a_question_that_cannot_be_asked_leaves_no_run_and_hides_none() -> None:
    lock = threading.Lock()
    kept = bench(work, size=10, budget=0.2, name="mine", isolation="kernel")
    for verb in (bench, memory, lines):
        with pytest.raises(UsageError, match="cannot be sent"):
            verb(lambda size: lock, size=10, name="mine")
    assert list(History().frame["id"]) == [kept.run]
    assert History().load("mine").run == kept.run


@pytest.mark.parametrize("ask", [bench, lambda target, **options: compare(target, target, **options)])
def test_a_name_is_a_text(ask: Any) -> None:
    with pytest.raises(UsageError, match="name=5 is not text"):
        ask(work, size=10, budget=0.2, name=5)
    assert History().frame.empty


@pytest.mark.parametrize("verb", VERBS)
def test_the_name_of_a_run_is_not_that_of_its_target(verb: str) -> None:
    made = VERBS[verb]("kept")
    if verb == "compare":
        assert made.title == 'Comparison: work (b) against work (a), "kept"'
        assert VERBS[verb](None).title == "Comparison: work (b) against work (a)"
        return
    assert (made.name, made.target) == ("kept", "work")
    assert made.title.partition(" of ")[2].startswith('work, "kept"')
    assert set(History().frame["target"]) == {"work"}
    if "target" in made.frame:
        assert set(made.frame["target"]) == {"work"}
    if "node" in made.frame:
        assert "kept" not in set(made.frame["node"])
    plain = VERBS[verb](None)
    assert (plain.name, plain.target) == ("work", "work")
    assert '"' not in plain.title


def test_a_target_without_a_name_takes_that_of_the_run_and_a_run_goes_on_under_its_own() -> None:
    made = bench(lambda size: sum(range(size)), size=10, name="sums", **FAST)
    assert (made.target, set(made.frame["target"]), made.title) == ("sums", {"sums"}, "Bench of sums")
    first = bench(work, sizes="10,100", precision=1e-6, budget=0.4, name="before")
    again = bench(work, sizes="10,100", precision=0.9, budget=5, name="before", resume=True)
    assert (again.run, again.name, again.target) == (first.run, "before", "work")
    found = compare("before", bench(work, sizes="10,100", precision=0.9, budget=5, name="after"))
    assert (set(found.frame["target_a"]), set(found.frame["target_b"])) == ({"before"}, {"after"})


def test_a_run_of_a_verb_of_another_version_is_named() -> None:
    bench(work, size=10, budget=0.2, name="odd", isolation="kernel")
    with sqlite3.connect(History().path) as connection:
        connection.execute("UPDATE session SET verb = 'dream'")
    connection.close()
    with pytest.raises(HistoryError, match=r'"odd", is of the verb "dream", .*pip install --upgrade pocket-lab'):
        History().load("odd")


def test_a_run_goes_on_and_none_of_its_points_is_measured_twice() -> None:
    first = bench(work, sizes="10,100", precision=1e-6, budget=0.4, name="goes on")
    again = bench(work, sizes="10,100", precision=0.9, budget=5, name="goes on", resume=True)
    assert again.run == first.run
    assert set(again.frame["status"]) == {"done"}
    assert len(again.samples) > len(first.samples)
    later = again.samples[again.samples["round"] > 0]
    assert not later.duplicated(["size", "round"]).any()
    whole = bench(work, sizes="10,100", precision=0.9, budget=5, name="goes on", resume=True)
    assert len(whole.samples) == len(again.samples)
    assert pocket_lab.last() is whole


def test_a_run_does_not_go_on_in_another_way() -> None:
    bench(work, size=10, budget=0.2, name="way")
    options: list[dict[str, Any]] = [{"caches": "cold"}, {"store": "shared"}, {"fresh_input": True}, {"isolation": "kernel"}]
    for option in options:
        ((name, _),) = option.items()
        with pytest.raises(UsageError, match=f'the run "way" was made with {name}=.*resume it with that'):
            bench(work, size=10, budget=0.2, name="way", resume=True, **option)


FAST: dict[str, Any] = {"budget": 1, "isolation": "kernel"}


def made(factor: int, offset: int = 0) -> tuple[Any, Any]:
    """A target that uses a helper, and its input, as an edit of either would make them."""

    def helper(value: int) -> int:
        return value * factor

    return (lambda value: helper(value) + 1), (lambda size: size + offset)


def test_a_run_is_resumed_with_the_same_code_and_refused_after_an_edit_of_anything_that_it_uses() -> None:
    def measured(factor: int, offset: int, **more: Any) -> Any:
        target, build = made(factor, offset)
        return bench(target, size=3, input=build, name="edited", **FAST, **more)

    first = measured(2, 0)
    assert measured(2, 0, resume=True).run == first.run
    for edit in ((3, 0), (2, 1)):
        with pytest.raises(UsageError, match=r'the code of the target, or of its input, has changed since the run "edited"'):
            measured(*edit, resume=True)
    assert History().load("edited").run == first.run


def test_a_run_is_not_compared_with_itself_and_the_same_code_is_said() -> None:
    first = bench(work, size=10, name="one", **FAST)
    second = bench(work, size=10, name="two", **FAST)
    other = bench(made(2)[0], size=10, name="three", **FAST)
    for sides in ((first, first), ("one", "one"), ("one", first)):
        with pytest.raises(UsageError, match=rf'both sides are the same run, "one", run {first.run} of the history'):
            compare(*sides, force=True)
    assert "same-code" in {caveat.code for caveat in compare("one", second).caveats}
    assert "same-code" not in {caveat.code for caveat in compare("one", other).caveats}


def test_a_run_of_a_name_is_addressed_by_its_number_and_two_of_one_name_are_told_apart() -> None:
    first, second = (bench(work, size=10, name="fit", **FAST) for _ in range(2))
    other = bench(work, size=10, name="other#1", **FAST)
    history = History()
    for key in (f"fit#{first.run}", first.run, str(first.run)):
        assert history.load(key).run == first.run
    assert history.load("fit").run == second.run
    assert history.load("other#1").run == other.run
    for key in (f"fit#{other.run}", f"fit#{second.run}x", "fit#"):
        with pytest.raises(HistoryError, match="there is no run "):
            history.load(key)
    for sides in ((f"fit#{first.run}", "fit"), (first.run, second.run), (np.int64(first.run or 0), second), (first, second)):
        result = compare(*sides)
        for name, one in (("a", first), ("b", second)):
            label = result.frame[f"target_{name}"].item()
            assert re.fullmatch(rf"fit, run {one.run} of \d{{4}}-\d\d-\d\d \d\d:\d\d", label)
            assert label in result.title
    assert compare("fit", "other#1").frame["target_a"].item() == "fit"
    with pytest.raises(UsageError, match=rf'an earlier run of that name is "fit#{first.run}"'):
        compare("fit", "fit")
    with pytest.raises(UsageError, match=r"itself$"):
        compare(first.run, first)


def test_the_speed_of_the_machine_is_kept_with_each_run_and_shown_against_the_others(tmp_path: Path) -> None:
    file = tmp_path / "speeds.db"
    environment = Environment("3.11", "Linux", "fast", 2, 0.0, {})
    for seconds in (1e-3, 1e-3, 1e-3, 1e-3, 1.3e-3):
        with Archive(file) as archive:
            session = archive.begin("bench", "fit", "fit", {})
            speed = speed_of([environment, *(Reference(n, float(n), seconds, seconds, seconds) for n in range(9))])
            session.note("machine", speed)
            session.close("done")
    with Archive(file) as archive:
        archive.begin("bench", "bare", "bare", {}).close("done")
    assert speed_of([environment]) is None
    frame = History(file).frame
    assert frame["machine_ratio"].iloc[1:].to_list() == pytest.approx([1.3, 1.0, 1.0, 1.0, 1.0])
    assert math.isnan(frame["machine_ratio"].iloc[0])
    assert "+30.0 %" in str(History(file))
    figure = History(file).plot()
    assert [line.get_label() for line in figure.axes[0].lines[:1]] == ["fit"]
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([0.0] * 4 + [30.0])
    loaded = History(file).load(5)
    assert isinstance(loaded, Bench)
    assert math.isnan(loaded.machine.ratio)  # four earlier runs are too few
    assert "machine" not in History().table.headers
