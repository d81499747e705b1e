"""The command line: `pocket-lab demo`, `bench module:graph`, `compare module:a module:b`, `history`, `version`."""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

import pocket_lab
from pocket_lab.errors import UsageError

if TYPE_CHECKING:
    from pocket_lab.lab.result import Result


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 where the target failed, 2 for a question that cannot be asked."""
    console = console or Console()
    options = vars(_parser().parse_args(arguments))
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
        *frames, told = render_failure(error)
        print(*frames, f"pocket-lab: {told}", sep="\n", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pocket-lab", description="A profiling and tuning lab for workflow graphs.")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="benchmark a real graph on the source code of the standard library")
    demo.add_argument("--budget", default=None, help="the longest time for the sweep (default 60s)")
    demo.add_argument("--html", type=Path, default=Path("pocket-lab-demo.html"), help="where the report goes")
    demo.set_defaults(command=_demo)

    bench = commands.add_parser("bench", help="benchmark a graph, node or function of a module")
    bench.add_argument("target", help="module:name, for example pocket_lab.demo:graph")
    _add_sweep(bench, "one point", budget="the whole sweep (default 30s)")
    bench.add_argument("--precision", help="a point is done when its interval is within this (default 2%%)")
    bench.add_argument("--isolation", help='"process" (the default), or "kernel" to measure in this process')
    bench.add_argument("--memory", action="store_true", default=None, help="add a run of each point under memray")
    bench.add_argument("--resume", action="store_true", default=None, help="go on with the newest run of this --name")
    bench.set_defaults(command=_bench)

    compare = commands.add_parser("compare", help="compare two graphs, nodes or functions: faster, slower, same, cannot tell")
    compare.add_argument("a", help="module:name of what was before, or @name of a run of the history")
    compare.add_argument("b", help="module:name of what is now, or @name")
    _add_sweep(compare, "one pair", budget="all pairs (default 10s)")
    compare.add_argument("--margin", help="the smallest change that counts (default 1%%)")
    compare.add_argument(
        "--fail-on",
        metavar="slower:5%%",
        help='exit with 1 where a pair has this verdict by so much; also "slower:5%%,cannot tell"',
    )
    compare.add_argument("--force", action="store_true", default=None, help="compare runs of different machines all the same")
    compare.set_defaults(command=_compare)

    memory = _add_profile(commands, "memory", "which node allocates how much, and what it holds at its peak")
    memory.add_argument("--python-allocators", action="store_true", default=None, help="follow every Python object, slowly")
    memory.add_argument("--native", action="store_true", default=None, help="put the calls of C code on the stacks, slowly")
    memory.add_argument("--keep", metavar="FILE", help="keep memray's capture there, for memray's own commands")
    _add_profile(commands, "lines", "which source lines of which node take the time").add_argument(
        "--also", help="functions, classes or modules to follow beside the nodes: module:helper,module"
    )

    _add_profile(commands, "cpu", "which calls of which node take the time").add_argument(
        "--interval", help="the time between two looks at the stacks (default 1ms)"
    )

    _add_profile(
        commands, "trace", "who ran when on which worker, the critical path, and what if a node were faster"
    ).add_argument("--chrome", metavar="FILE", help="write the spans there too, for ui.perfetto.dev or chrome://tracing")

    _add_profile(
        commands, "leaks", "what runs leave behind, and whether memory grows; exits with 1 where something does"
    ).add_argument("--runs", help="how often to run each point after the warm-up (default 10)")

    history = commands.add_parser("history", help="list earlier runs; show, delete, tag or rename one")
    history.add_argument("run", nargs="?", help="a name (its newest run) or a number; without, the list of all")
    change = history.add_mutually_exclusive_group()
    change.add_argument("--delete", action="store_true", help="delete the run")
    change.add_argument("--rename", metavar="NAME", help="give it another name")
    change.add_argument("--tag", metavar="A,B", help="add tags")
    change.add_argument("--untag", metavar="A,B", help="take tags away")
    history.set_defaults(command=_history)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=_version)
    return parser


def _add_sweep(parser: argparse.ArgumentParser, one: str, budget: str) -> None:
    """The options of every command that times."""
    _add_points(parser, one, budget)
    parser.add_argument("--point-timeout", help="the longest time for a batch; a longer one is ended")
    parser.add_argument("--fresh-input", action="store_true", default=None, help="build the input anew for each run")


def _add_points(parser: argparse.ArgumentParser, one: str, budget: str) -> None:
    """The options of every command that has points."""
    parser.set_defaults(command_line="")
    parser.add_argument("--sizes", "--size", help=f"10,100,1k or 2^4..2^12; without, {one}")
    parser.add_argument("--workers", help="1,2,4 or 1..8")
    parser.add_argument("--executors", "--executor", help="serial, threads, processes, asyncio")
    parser.add_argument("--input", help="module:name of a function of the size, or of the input itself")
    parser.add_argument("--drive", help="run (one input, one run; the default), map (a list, each item a run), load (clients)")
    parser.add_argument("--rate", help="under load, the requests a second that come whether answered or not")
    parser.add_argument("--budget", help=f"the longest time for {budget}")
    parser.add_argument("--store", help="fresh for each run of a graph (the default) or shared")
    parser.add_argument("--caches", help="warm (the default), or cold to clear the target's caches before each run")
    parser.add_argument("--name", help="how results and the history call it")
    parser.add_argument("--html", type=Path, help="write a self-contained report")


def _add_profile(commands: Any, verb: str, answers: str) -> argparse.ArgumentParser:
    """The command of a profile verb, with the options that all of them have."""
    parser: argparse.ArgumentParser = commands.add_parser(verb, help=answers)
    parser.add_argument("target", help="module:name, for example pocket_lab.demo:graph")
    _add_points(parser, "one point", budget="all runs")
    parser.add_argument("--isolation", help='"process" (the default), or "kernel" to profile in this process')
    parser.set_defaults(command=_profile, verb=verb)
    return parser


def _profile(
    console: Console, verb: str, target: str, input: str | None, html: Path | None, also: str | None = None, **options: Any
) -> int:
    if also is not None:
        options["also"] = tuple(_load(place) if ":" in place else _module(place) for place in _listed(also))
    code, result = _run(console, _verb(verb), (_load(target),), html, _given(input, options))
    return code if getattr(result, "ok", True) else 1


def _demo(console: Console, budget: str | None, html: Path) -> int:
    from pocket_lab import demo

    options = {"sizes": demo.SIZES, "workers": demo.WORKERS, "executors": demo.EXECUTORS, "budget": budget or demo.BUDGET_S}
    return _run(console, _verb("bench"), (demo.graph,), html, options)[0]


def _bench(console: Console, target: str, input: str | None, html: Path | None, **options: Any) -> int:
    return _run(console, _verb("bench"), (_load(target),), html, _given(input, options))[0]


def _compare(
    console: Console, a: str, b: str, input: str | None, html: Path | None, fail_on: str | None, **options: Any
) -> int:
    from pocket_lab.analysis.compare import Gate

    gates = [] if fail_on is None else [Gate.parse(rule) for rule in fail_on.split(",")]
    sides = tuple(side[1:] if side.startswith("@") else _load(side) for side in (a, b))
    code, result = _run(console, _verb("compare"), sides, html, _given(input, options))
    stopped = sum(len(gate.stops(result.frame)) for gate in gates)
    if stopped:
        console.print(f"Failed: {stopped} of {len(result.frame)} pairs {fail_on}", highlight=False)
    return 1 if stopped else code


def _history(console: Console, run: str | None, delete: bool, rename: str | None, tag: str | None, untag: str | None) -> int:
    from pocket_lab.lab.history import History
    from pocket_lab.view.text.terminal import print_table

    history = History()
    if run is None:
        if delete or rename or tag or untag:
            raise UsageError("give the name or the number of the run to change")
        print_table(console, history.table, f"History {history.path}")
        return 0
    if delete:
        history.delete(run)
    elif rename:
        history.rename(run, rename)
    elif tag or untag:
        history.tag(run, *_listed(tag))
        history.untag(run, *_listed(untag))
    else:
        result = history.load(run)
        _print(console, result)
        return 1 if result.error is not None else 0
    return 0


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _verb(name: str) -> Callable[..., Result]:
    verb: Callable[..., Result] = getattr(pocket_lab, name)
    return verb


def _given(input: str | None, options: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    return given if input is None else {**given, "input": _load(input)}


def _version(console: Console) -> int:
    console.print(pocket_lab.__version__, highlight=False)
    return 0


def _run(
    console: Console, verb: Callable[..., Result], targets: tuple[Any, ...], html: Path | None, options: dict[str, Any]
) -> tuple[int, Result]:
    """The exit code and the result of a verb, printed."""
    from pocket_lab.view.text.terminal import TerminalProgress

    if html is not None and not html.parent.is_dir():
        raise UsageError(f"--html: there is no folder {html.parent}")
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
        result = partial  # a trace that leads to an error, and tells it
    _print(console, result)
    if html is not None:
        console.print(f"Report: {result.save_html(html)}", soft_wrap=True, highlight=False)
    return (1 if result.error is not None else 0), result


def _print(console: Console, result: Result) -> None:
    from pocket_lab.view.text.terminal import print_result

    texts = (result.findings, result.failures, result.caveats)
    print_result(console, result.title, result.table, *texts, result.error)


def _load(place: str) -> Any:
    """The object of "module:name", with the working directory on the import path as `python -m` has it."""
    module, colon, name = place.partition(":")
    if not colon or not module or not name:
        raise UsageError(f"{place!r} is not of the form module:name, for example pocket_lab.demo:graph")
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
