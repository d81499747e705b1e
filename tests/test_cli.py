"""The command line, as a function of arguments and a console, and as the installed command."""

from __future__ import annotations

import functools
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

import pocket_lab
from pocket_lab.cli import main


def call(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    code = main(arguments, Console(file=out, width=100))
    return code, out.getvalue()


def test_version() -> None:
    assert call("version") == (0, f"{pocket_lab.__version__}\n")


def test_the_option_version_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call("--version")
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"{pocket_lab.__version__}\n")


@pytest.mark.parametrize(("word", "meant"), [("bnech", "bench"), ("compere", "compare"), ("versoin", "version")])
def test_a_misspelt_command_gets_the_nearest_name(word: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call(word, "pocket_lab.demo:graph")
    assert stopped.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(f"did you mean {meant}?")


def test_bench_prints_a_table_its_meaning_and_writes_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    code, out = call(
        *("bench", "pocket_lab.demo:graph", "--sizes", "4,8", "--workers", "1,2", "--executors", "threads"),
        *("--budget", "5s", "--html", str(report)),
    )
    assert code == 0
    lines = out.splitlines()
    assert "4 points" in out
    assert sum("  threads  " in line for line in lines) >= 4
    assert "Growth: cannot tell (2 sizes" in out
    assert "Advice at size 8: " in out or "no part in the findings" in out, "a busy machine measures too few rounds"
    assert f"Report: {report}" in out
    assert "<svg" in report.read_text()


def test_a_target_of_the_working_folder_with_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mywork.py").write_text("def double(x): return x * 2\nmake = 'ab'.__mul__\nclass deep:\n    value = 'abc'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert call("bench", "mywork:double", "--input", "mywork:deep.value", "--budget", "0.1s")[0] == 0
    assert call("bench", "mywork:double", "--input", "mywork:make", "--sizes", "3", "--budget", "0.1s")[0] == 0


def test_a_parameter_is_an_axis_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "axis.py").write_text("def work(x, chunk=1, mode=''): return sum(range(x * chunk))\nten = 10\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    asked = ("bench", "axis:work", "--input", "axis:ten", "--budget", "0.5s", "--name", "axis")
    code, text = call(*asked, "--param", "chunk=1,64", "--param", "mode=fast,slow")
    assert code == 0
    frame = pocket_lab.History().load("axis").frame
    assert list(zip(frame["chunk"], frame["mode"], strict=True)) == [(1, "fast"), (1, "slow"), (64, "fast"), (64, "slow")]
    assert all(word in text for word in ("chunk", "mode", "fast", "slow"))
    for value, words in (("chnk=1", "did you mean 'chunk'?"), ("chunk", "'chunk' is not a name with values")):
        assert call(*asked, "--param", value)[0] == 2
        assert words in capsys.readouterr().err


def test_a_target_that_fails_is_exit_code_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing.py").write_text("def f(x): return 1 / x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    code, out = call("bench", "failing:f", "--sizes", "0,1", "--budget", "0.1s")
    assert code == 1
    assert "Failed: size 0, serial x 1: ZeroDivisionError: division by zero" in out
    assert "Traceback" in out
    assert "failing.py" in out


def test_a_profile_of_a_target_that_fails_tells_its_error_without_a_line_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "failed.py").write_text("def f(x): return 1 / x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for verb in ("cpu", "trace"):
        code, out = call(verb, "failed:f", "--size", "0")
        told = out + capsys.readouterr().err
        assert code == 1
        assert "def f(x): return 1 / x" in told
        assert "ZeroDivisionError: division by zero" in told
        assert "pocket_lab/" not in told
        assert told.count("Traceback") == 1
    assert "Trace of f" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pocket_lab.demo"], "not of the form module:name"),
        (["no_such_module:graph"], "no module named 'no_such_module'"),
        (["pocket_lab.demo:grap"], "has no 'grap'"),
        (["pocket_lab.demo:graph", "--sizes", "ten"], "'ten' is not a count"),
        (["pocket_lab.demo:graph", "--sizes", "-5"], "sizes: -5"),
        (
            ["pocket_lab.demo:graph", "--sizes", "1", "--html", "no/such/folder/report.html"],
            "there is no folder no/such/folder",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_code_two(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("bench", *arguments) == (2, "")
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_interrupted_the_installed_command_prints_what_it_has(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("pocket-lab")),
        "bench",
        "pocket_lab.demo:graph",
        "--sizes",
        "4",
        "--budget",
        "60s",
    ]
    terminal = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "200"}  # where progress is drawn ten times a second
    process = subprocess.Popen(
        [*command, "--precision", "0.001%"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=terminal,
    )
    assert process.stdout is not None
    shown = ""
    while "±" not in shown:  # there is an estimate
        shown += (drawn := os.read(process.stdout.fileno(), 10_000)).decode(errors="replace")
        assert drawn, "the command ended"
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert "0/1 point," in shown
    assert process.returncode == 130
    assert "cancelled" in out
    assert "interrupted" in err
    assert "Traceback" not in out + err


COMPARED = """
def quick(n): return sum(range(2000))
def slow(n): return sum(range(4000))
def slowest(n): return sum(range(40000))
def broken(n): return 1 / n
"""


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "compared.py").write_text(COMPARED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "compared", raising=False)
    return tmp_path


def test_compare_prints_its_verdict_and_writes_a_report(compared: Path) -> None:
    report = compared / "report.html"
    command = ("compare", "compared:quick", "compared:slow", "--size", "1", "--budget", "4s", "--html", str(report))
    code, out = call(*command, "--fail-on", "slower:500%,faster:5%")
    assert code == 0
    assert "Comparison: slow against quick" in out
    assert "slow is slower: " in out
    assert f"Report: {report}" in out.replace("\n", "")
    assert "<svg" in report.read_text()
    assert "Failed:" not in out


@pytest.fixture(scope="module")
def stored_runs() -> None:
    """Two runs in the history, "quick run" and "slow run", the second of which takes three times as long."""
    for name, nap_s in (("quick run", 0.005), ("slow run", 0.015)):
        pocket_lab.bench(functools.partial(time.sleep, nap_s), budget=2, isolation="kernel", name=name)


@pytest.mark.usefixtures("stored_runs")
@pytest.mark.parametrize(
    ("gate", "code"),
    [(None, 0), ("slower:5%", 1), ("slower", 1), ("slower:500%", 0), ("faster:5%", 0)],
)
def test_a_gate_fails_the_command_where_it_is_broken(gate: str | None, code: int) -> None:
    given, out = call("compare", "@quick run", "@slow run", *(() if gate is None else ("--fail-on", gate)))
    assert given == code
    assert (f"Failed: 1 of 1 pairs {gate}" in out) == bool(code)
    assert "slow run is slower." in " ".join(out.split())


def test_a_gate_lets_a_function_pass_against_itself(compared: Path) -> None:
    code, out = call(
        *("compare", "compared:quick", "compared:quick", "--size", "1", "--budget", "0.5s", "--fail-on", "slower:5%")
    )
    assert code == 0
    assert "Failed:" not in out


def test_a_side_that_fails_is_exit_code_one(compared: Path) -> None:
    code, out = call("compare", "compared:quick", "compared:broken", "--sizes", "0,1", "--budget", "0.2s")
    assert code == 1
    assert "Failed: broken, size 0, serial x 1: ZeroDivisionError: division by zero" in out
    assert "compared.py" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compared:quick", "compared:gone", "--size", "1"], "module 'compared' has no 'gone'"),
        (["compared:quick", "slow", "--size", "1"], "not of the form module:name"),
        (["compared:quick", "compared:slow"], "quick requires an argument"),
        (["compared:quick", "compared:slow", "--size", "1", "--margin", "0"], "margin='0' is not between 0 and 1"),
        (["compared:quick", "compared:slow", "--size", "1", "--fail-on", "worse:5%"], "write slower:5%, faster:5%"),
        (["compared:quick", "compared:slow", "--size", "1", "--fail-on", "slower:much"], "'much' is not a fraction"),
        (["compared:quick", "compared:slow", "--size", "1", "--budget", "-1"], "-1"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_code_two(
    compared: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("compare", *arguments) == (2, "")
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_a_gate_takes_several_rules_and_cannot_tell_is_one(compared: Path) -> None:
    rules = "slower:500%,cannot tell"
    command = ("compare", "compared:quick", "compared:quick", "--size", "1", "--budget", "0.001", "--fail-on", rules)
    code, out = call(*command)
    assert code == 1
    assert f"Failed: 1 of 1 pairs {rules}" in out


def test_leaks_is_exit_code_one_where_something_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves_threads.py").write_text(
        "import threading, time\n"
        "def clean(x): return x\n"
        "def leaves(x): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert call("leaks", "leaves_threads:clean", "--sizes", "1", "--runs", "6")[0] == 0
    code, out = call("leaks", "leaves_threads:leaves", "--sizes", "1", "--runs", "4")
    assert code == 1
    assert "Leaks 1 daemon thread a run" in out
    assert "leaves_threads.py:3" in out


def test_trace_prints_what_the_run_waited_for_and_writes_the_spans(tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    code, out = call("trace", "pocket_lab.demo:graph", "--size", "4", "--workers", "2", "--chrome", str(file))
    assert code == 0
    assert "Critical path: " in out
    assert "twice as fast: the run gains" in " ".join(out.split())
    assert '"traceEvents"' in file.read_text()


def test_history_lists_shows_and_changes_runs_and_bench_goes_on(compared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKET_LAB_HOME", str(compared / "home"))
    sweep = ("bench", "compared:quick", "--sizes", "1,2", "--budget", "3s", "--precision", "0.001%", "--name", "before us")
    assert call(*sweep)[0] == 0
    assert call("bench", "compared:slowest", "--sizes", "1,2", "--budget", "3s", "--name", "after")[0] == 0
    assert call("history", "after", "--tag", "slow,mine") == (0, "")
    assert call("history", "after", "--untag", "mine") == (0, "")
    code, out = call("history")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines() if " bench " in line] == [["2", "after"], ["1", "before"]]
    assert "slow" in out
    assert "mine" not in out
    code, out = call("history", "before us")
    assert (code, 'Bench of quick, "before us"' in out) == (0, True)
    assert call(*sweep, "--resume")[0] == 0
    history = pocket_lab.History()
    assert history.command_line("before us") == f"pocket-lab {' '.join(sweep[:-1])} 'before us'"
    assert len(history.frame) == 2
    code, out = call("compare", "@before us", "@after", "--fail-on", "slower:5%")
    assert code == 1
    assert "after against before us" in out
    assert call("history", "after", "--rename", "b") == (0, "")
    assert call("history", "b", "--delete") == (0, "")
    assert list(history.frame["name"]) == ["before us"]
    assert call("history", "b")[0] == 1
