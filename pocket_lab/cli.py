"""The command line: `pocket-lab bench module:graph`, and a command for every other verb, made from their table."""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console

import pocket_lab
from pocket_lab import demo
from pocket_lab.errors import UsageError, printable
from pocket_lab.lab.options.arguments import add_arguments, with_nearest
from pocket_lab.lab.options.completion import SHELLS, completion_script
from pocket_lab.lab.options.option import Kind
from pocket_lab.lab.options.table import options_of
from pocket_lab.lab.options.verbs import HISTORY, VERBS, Verb
from pocket_lab.measure.option_value import option_named
from pocket_lab.measure.parameters.params import split_texts

if TYPE_CHECKING:
    from pocket_lab.lab.result import Result


class _Parser(argparse.ArgumentParser):
    """A parser without abbreviations, here and in its commands, that names the nearest of the known values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        known = [str(choice) for action in self._actions for choice in action.choices or ()]
        wrong = re.search(r"invalid choice: '([^']*)'", message)
        near = difflib.get_close_matches(wrong[1], known, 1) if wrong is not None else []
        super().error(printable(f"{message}; did you mean {near[0]}?" if near else message))


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Run one command and return its exit code: 0, 1 if the target failed or a check did, 2 for invalid usage."""
    console = console or Console()
    parser = _parser()
    parsed, unknown = parser.parse_known_args(arguments)
    options = vars(parsed)
    if unknown:
        verb = options.get("verb", HISTORY)
        parser.error(with_nearest(f"unrecognized arguments: {' '.join(unknown)}", verb.name, "shell"))
    command = options.pop("command")
    if "command_line" in options:
        options["command_line"] = f"pocket-lab {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
    try:
        code: int = command(console, **options)
    except UsageError as error:
        print(f"pocket-lab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pocket-lab: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        from pocket_lab.view.text.failure import is_from_target, render_failure

        if not is_from_target(error):
            raise
        *frames, message = render_failure(error)
        print(*frames, f"pocket-lab: {message}", sep="\n", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pocket-lab", description="A profiling and tuning lab for workflow graphs.")
    parser.add_argument("--version", action="version", version=pocket_lab.__version__, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo_command = commands.add_parser("demo", help="benchmark a real graph on the source code of the standard library")
    demo_command.add_argument("--budget", default=None, help=f"the longest time for the sweep (default {demo.BUDGET_S:g}s)")
    demo_command.add_argument("--html", type=Path, default=Path("pocket-lab-demo.html"), help="the file of the report")
    demo_command.set_defaults(command=_demo)

    for verb in VERBS.values():
        command = commands.add_parser(verb.name, help=verb.summary, description=verb.summary)
        add_arguments(command, verb, "shell")
        command.set_defaults(command=_run_verb, verb=verb, command_line="")

    history = commands.add_parser("history", help=HISTORY.summary, description=HISTORY.summary)
    add_arguments(history, HISTORY, "shell")
    history.set_defaults(command=_history)

    completion = commands.add_parser(
        "completion", help='print a completion script: eval "$(pocket-lab completion bash)" in ~/.bashrc, or zsh in ~/.zshrc'
    )
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(command=_completion)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=_version)
    return parser


def _run_verb(
    console: Console, verb: Verb, html: str | None, fail_on: str | None = None, **arguments: str | bool | None
) -> int:
    """One verb on objects of modules; 1 where the target failed, a leak was found or a rule of --fail-on is broken."""
    from pocket_lab.analysis.compare.gate import Gate, stopped_by

    with option_named("--fail-on"):
        gates = () if fail_on is None else Gate.parse_all(fail_on)
    targets = [_target(verb, str(arguments.pop(name))) for name, _ in verb.targets]
    kinds = {option.name: option.kind for option in options_of(verb.name, "shell")}
    options = {name: _value(name, kinds.get(name), value) for name, value in arguments.items() if value is not None}
    code, result = _run(console, verb.load(), targets, None if html is None else Path(html), options)
    stopped = len(stopped_by(gates, result.frame)) if gates else 0
    if stopped:
        console.print(f"Failed: {stopped} of {len(result.frame)} pairs {fail_on}", highlight=False)
    return code if getattr(result, "ok", True) and not stopped else 1


def _target(verb: Verb, text: str) -> Any:
    return text[1:] if verb.takes_runs and text.startswith("@") else _load(text)


def _value(option: str, kind: Kind | None, text: Any) -> Any:
    """The value of an option: objects are loaded from their modules."""
    with option_named(option):
        if kind == "axes":
            return split_texts(text)
        if kind == "object":
            return _load(text)
        if kind == "objects":
            names = [name.strip() for name in text.split(",") if name.strip()]
            return tuple(_load(name) if ":" in name else _module(name) for name in names)
    return text


def _demo(console: Console, budget: str | None, html: Path) -> int:
    options = {
        "sizes": demo.SIZES,
        "workers": demo.WORKERS,
        "executors": demo.EXECUTORS,
        "budget": demo.BUDGET_S if budget is None else budget,
    }
    return _run(console, VERBS["bench"].load(), [demo.graph], html, options)[0]


def _history(console: Console, **options: Any) -> int:
    from pocket_lab.lab.history import History, use_history
    from pocket_lab.view.text.terminal import print_table

    found = use_history(**options)
    if not isinstance(found, History):
        _print(console, found)
        return 1 if found.error is not None else 0
    if options["run"] is None:
        print_table(console, found.table, f"History {found.path}")
    return 0


def _completion(console: Console, shell: str) -> int:
    print(completion_script(_parser(), shell), file=console.file)
    return 0


def _version(console: Console) -> int:
    console.print(pocket_lab.__version__, highlight=False)
    return 0


def _run(
    console: Console, verb: Callable[..., Result], targets: Sequence[Any], html: Path | None, options: dict[str, Any]
) -> tuple[int, Result]:
    """The exit code and the result of a verb, printed."""
    from pocket_lab.view.text.terminal import TerminalProgress

    if html is not None and not html.parent.is_dir():
        raise UsageError(f"--html: there is no folder {html.parent}")
    if html is not None and html.is_dir():
        raise UsageError(f"--html: {html} is a folder, not a file")
    before = pocket_lab.last()
    try:
        with TerminalProgress(console) as watch:
            result = verb(*targets, watch=watch, **options)
    except KeyboardInterrupt:
        if (partial := pocket_lab.last()) is not None and partial is not before:
            _print(console, partial)
        raise
    except Exception:
        partial = pocket_lab.last()
        if partial is None or partial is before or partial.error is None:
            raise
        result = partial  # a trace that leads to an error shows that error
    _print(console, result)
    if html is not None:
        console.print(f"Report: {result.save_html(html)}", soft_wrap=True, highlight=False)
    return (1 if result.error is not None else 0), result


def _print(console: Console, result: Result) -> None:
    from pocket_lab.view.text.terminal import print_result

    texts = (result.findings, result.failures, result.caveats)
    print_result(console, result.title, result.table, *texts, result.error)


def _load(reference: str) -> Any:
    """The object of "module:name", with the working directory on the import path as `python -m` has it."""
    module, colon, name = reference.partition(":")
    if not colon or not module or not name:
        raise UsageError(f"{reference!r} is not of the form module:name, for example pocket_lab.demo:graph")
    found = _module(module)
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"module {module!r} has no {name!r}")
        found = getattr(found, part)
    return found


def _module(name: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(f"no module named {name!r} here or among the installed packages") from None
