"""An option is written down once: signatures, types, magics, commands and completions agree with the table."""

from __future__ import annotations

import argparse
import importlib
import inspect
import io
import math
import re
import shutil
import subprocess
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import pocket_lab
from pocket_lab.cli import _parser, main
from pocket_lab.errors import UsageError
from pocket_lab.lab.history import use_history
from pocket_lab.lab.options.completion import complete, completion_script
from pocket_lab.lab.options.keywords import KEYWORDS
from pocket_lab.lab.options.request import parse_request
from pocket_lab.lab.options.table import OPTIONS, options_of
from pocket_lab.lab.options.verbs import HISTORY, MONITOR, VERBS
from pocket_lab.measure.sweep import PARSERS, SINGULAR, Sweep, parse_sweep
from pocket_lab.notebook.magic_runner import MagicRunner, parse
from pocket_lab.notebook.magics import NAMES, make_magics

verbs = pytest.mark.parametrize("verb", list(VERBS))


def names_of(verb: str, face: Any) -> set[str]:
    return {option.name for option in options_of(verb, face)}


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(action.choices)


def magics() -> dict[str, Any]:
    return {magic.__name__: magic for _, magic in make_magics(MagicRunner(None))}


def own(verb: str) -> Any:
    return importlib.import_module(f"pocket_lab.lab.{verb}")._Own


@verbs
def test_signature_and_types_have_the_options_of_the_table(verb: str) -> None:
    parameters = inspect.signature(getattr(pocket_lab, verb)).parameters
    keywords = {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    table = {option.name: option for option in options_of(verb)}
    assert list(keywords) == list(table)
    assert set(KEYWORDS[verb].__annotations__) == set(table)
    for name, parameter in keywords.items():
        default = table[name].default_of(verb)
        assert parameter.default is default or parameter.default == default
    positional = [name for name in parameters if name not in keywords]
    assert positional == [name for name, _ in VERBS[verb].targets]
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())


@verbs
def test_every_option_is_explained_in_the_docstring(verb: str) -> None:
    doc = inspect.getdoc(getattr(pocket_lab, verb)) or ""
    assert "{options}" not in doc
    for option in options_of(verb):
        assert f"\n    {option.name}: {option.help[:30]}" in doc


@verbs
def test_magic_and_command_have_the_options_of_the_table(verb: str) -> None:
    targets = {name for name, _ in VERBS[verb].targets}
    in_magic = {action.dest for action in magics()[f"pocket_{verb}"].parser._actions}
    assert in_magic == targets | names_of(verb, "magic")
    in_shell = {action.dest for action in commands()[verb]._actions}
    assert in_shell == targets | names_of(verb, "shell") | {"help"}


@verbs
def test_faces_add_only_what_a_function_cannot_take(verb: str) -> None:
    assert names_of(verb, "python") - names_of(verb, "magic") == {"size", "executor", "command_line", "watch"}
    assert names_of(verb, "magic") <= names_of(verb, "python")
    assert names_of(verb, "shell") - names_of(verb, "python") == {"html"} | ({"fail_on"} if verb == "compare" else set())


def test_history_and_monitor_come_from_the_table_too() -> None:
    assert set(NAMES) == set(magics())
    assert {a.dest for a in magics()["pocket_history"].parser._actions} == {"run"} | names_of("history", "magic")
    assert {a.dest for a in commands()["history"]._actions} == {"run", "help"} | names_of("history", "shell")
    assert {a.dest for a in magics()["pocket_monitor"].parser._actions} == {"target"} | names_of("monitor", "magic")
    assert (HISTORY.name, MONITOR.name) == ("history", "monitor")


def test_the_defaults_of_the_table_are_those_of_a_sweep() -> None:
    assert parse_sweep(**{o.name: o.default for o in options_of("bench") if o.name in PARSERS}) == Sweep()
    assert {option.name for option in OPTIONS} >= {*PARSERS, *SINGULAR}


@verbs
def test_a_call_without_options_is_a_request_of_the_defaults(verb: str) -> None:
    request = parse_request(verb, own(verb), {})
    budget_s = {"bench": 30.0, "compare": 10.0}.get(verb, math.inf)
    assert request.sweep == Sweep(budget_s=budget_s)
    assert request.name is request.watch is request.command_line is None


@verbs
@pytest.mark.parametrize(("wrong", "right"), [("stores", "store"), ("sises", "sizes"), ("worker", "workers")])
def test_an_unknown_keyword_is_a_type_error_with_the_nearest_name(verb: str, wrong: str, right: str) -> None:
    targets = [len] * len(VERBS[verb].targets)
    with pytest.raises(TypeError, match=rf"^{verb}\(\) .* {wrong!r}; did you mean {right!r}\?$"):
        getattr(pocket_lab, verb)(*targets, **{wrong: 1})


def test_an_option_of_another_verb_is_unknown() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'margin'"):
        pocket_lab.bench(len, margin="1%")  # type: ignore[call-arg]


def test_an_unknown_option_of_a_magic_names_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"unrecognized arguments: --drvie load; did you mean --drive\?; %pocket_bench\? lists"
    ):
        parse(magics()["pocket_bench"], "graph --drvie load")


def test_an_unknown_option_of_a_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "pocket_lab.demo:graph", "--drvie", "load"])
    assert stopped.value.code == 2
    assert "unrecognized arguments: --drvie load; did you mean --drive?" in capsys.readouterr().err


def nothing() -> None:
    """A target without an argument."""


# Any text is a name, and any object an input; of the others this is a bad value in every face.
TAKES_ANY_TEXT = {"name", "command_line", "resume"}
BAD_TEXT = "no/such/folder/x"


def line_of(verb: str, target: str, flag: str) -> list[str]:
    return [*[target] * len(VERBS[verb].targets), flag, BAD_TEXT]


@verbs
def test_every_bad_value_in_python_is_one_line_that_begins_with_the_option(verb: str) -> None:
    tried = set()
    for option in options_of(verb):
        if option.name == "input":
            continue
        bad: list[Any] = [object(), 1j, ["\n"], np.full((2, 2), 0.5)]
        bad += ["no", 0, 1, None] if option.kind == "flag" else []
        bad += [] if option.kind == "flag" or option.name in TAKES_ANY_TEXT else [BAD_TEXT]
        for value in bad:
            with pytest.raises(UsageError) as refused:
                getattr(pocket_lab, verb)(*[nothing] * len(VERBS[verb].targets), **{option.name: value})
            assert str(refused.value).startswith(option.name), (option.name, value)
            assert len(str(refused.value).splitlines()) == 1
        tried.add(option.name)
    assert tried == names_of(verb, "python") - {"input"}


@verbs
def test_every_bad_value_in_a_magic_is_one_line_that_begins_with_the_option(verb: str) -> None:
    shell = SimpleNamespace(user_ns={"nothing": nothing}, execution_count=1)
    magic = {magic.__name__: magic for _, magic in make_magics(MagicRunner(shell))}[f"pocket_{verb}"]
    for option in options_of(verb, "magic"):
        if option.kind == "flag" or option.name in TAKES_ANY_TEXT:
            continue
        for flag in option.flags:
            with pytest.raises(UsageError) as refused:
                magic(" ".join(line_of(verb, "nothing", flag)))
            assert str(refused.value).startswith(option.name), flag
            assert len(str(refused.value).splitlines()) == 1


@verbs
def test_every_bad_value_in_the_shell_is_one_line_with_the_option(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in options_of(verb, "shell"):
        if option.kind == "flag" or option.name in TAKES_ANY_TEXT:
            continue
        for flag in option.flags:
            assert main([verb, *line_of(verb, "pocket_lab.demo:graph", flag)]) == 2
            message = capsys.readouterr().err
            assert message.startswith((f"pocket-lab: {option.name}", f"pocket-lab: --{option.name.replace('_', '-')}:")), flag
            assert message.count("\n") == 1


@pytest.mark.parametrize("option", ["window", "every"])
def test_a_bad_value_of_the_monitor_names_its_option(option: str) -> None:
    shell = SimpleNamespace(user_ns={"graph": pocket_lab.Graph(pocket_lab.Node("n", exec=abs))}, execution_count=1)
    magic = {magic.__name__: magic for _, magic in make_magics(MagicRunner(shell))}["pocket_monitor"]
    with pytest.raises(UsageError, match=f"^{option}: 'soon' is not a duration"):
        magic(f"graph --{option} soon")


@pytest.mark.parametrize("option", ["rename", "tag", "untag"])
def test_a_change_of_a_run_without_a_name_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match="give the name or the number of the run"):
        use_history(None, **{option: ""})
    if option != "rename":
        with pytest.raises(UsageError, match=f"^{option}: ', ' has no tag"):
            use_history("run", **{option: ", "})


@pytest.mark.parametrize("face", ["magic", "shell"])
def test_an_abbreviated_option_is_unknown(face: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = r"unrecognized arguments: --run 3; did you mean --runs\?"
    if face == "magic":
        with pytest.raises(UsageError, match=said):
            parse(magics()["pocket_leaks"], "graph --run 3")
    else:
        with pytest.raises(SystemExit):
            main(["leaks", "pocket_lab.demo:graph", "--run", "3"])
        assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize("end", [";", " ;", "; "])
def test_a_semicolon_at_the_end_of_a_magic_is_not_part_of_its_last_word(end: str) -> None:
    magic = magics()["pocket_bench"]
    for line in ("graph --budget 1s", "graph --memory", "graph"):
        assert parse(magic, line + end) == parse(magic, line)
    assert parse(magic, "graph --name 'a;'")["name"] == "a;"


@verbs
def test_the_help_of_budget_says_no_limit_only_where_none_is_none(verb: str) -> None:
    (budget,) = (option for option in options_of(verb) if option.name == "budget")
    assert ("None is no limit" in budget.help_of(verb, "python")) == (verb not in ("bench", "compare"))
    assert "None" not in budget.help_of(verb, "magic") + budget.help_of(verb, "shell")


@verbs
def test_the_help_of_a_command_and_of_a_magic_is_that_of_the_table(verb: str) -> None:
    shown = " ".join(commands()[verb].format_help().split())
    magic = " ".join(str(magics()[f"pocket_{verb}"].__doc__).split())
    for text, face in ((shown, "shell"), (magic, "magic")):
        for option in options_of(verb, face):  # type: ignore[arg-type]
            assert " ".join(option.help_of(verb, face).split()) in text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "token", "found"),
    [
        ("%pocket_bench graph ", "--dr", ["--drive"]),
        ("%pocket_bench graph --drive ", "", ["run", "map", "load"]),
        ("%pocket_bench graph --drive ", "l", ["load"]),
        ("%pocket_bench graph --executors threads,", "pro", ["processes"]),
        ("%pocket_bench graph --store ", "", ["fresh", "shared"]),
        ("%pocket_bench gra", "ph", []),
        ("%pocket_bench graph --sizes ", "", []),
        ("%pocket_bench graph ", "--mar", []),
    ],
)
def test_completion_of_a_line(before: str, token: str, found: list[str]) -> None:
    assert complete("bench", "magic", before, token) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["comp"], ["compare", "completion"]),
        (["bench", "--dr"], ["--drive"]),
        (["compare", "--fail"], ["--fail-on"]),
        (["bench", "--fail"], []),
        (["bench", "x:y", "--drive", ""], ["run", "map", "load"]),
        (["bench", "x:y", "-e", "threads,p"], ["threads,processes"]),
        (["history", "--"], ["--help", "--delete", "--rename", "--tag", "--untag"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_the_script_completes_in_a_real_bash(words: list[str], found: list[str]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    out = io.StringIO()
    assert main(["completion", "bash"], Console(file=out)) == 0
    line = " ".join(f"'{word}'" for word in ["pocket-lab", *words])
    run = f'COMP_WORDS=({line}); COMP_CWORD={len(words)}; _pocket_lab; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run([bash, "-c", f"{out.getvalue()}\n{run}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == found
    assert done.stderr == ""


def test_the_script_of_zsh_is_that_of_bash_under_its_emulation() -> None:
    zsh, bash = completion_script(_parser(), "zsh"), completion_script(_parser(), "bash")
    assert zsh.endswith(bash)
    assert "bashcompinit" in zsh.splitlines()[0]
