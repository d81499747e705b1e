"""kill -9 at random moments: of a program that measures or maps, of its measuring process, of worker processes.

python tests/benchmarks/kills.py

Each kill is one program in a temporary folder of its own. Exits with 1 where a process or a file is left five seconds later,
where the history has lost a sample that had been shown, or where a program that lives on has lost more than the point or the
item at work. Reads /proc, so it needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

KILLS, PATIENCE_S, LONGEST_S = 200, 5.0, 60.0
MARK = "POCKET_LAB_KILLS"

BENCH = """
import json, sys, time, pocket_lab
from pocket_lab import Graph, Node, bench, fan_out
from pocket_lab.records.samples import Sample

def work(value):
    end = time.perf_counter() + 0.001
    while time.perf_counter() < end:
        pass
    return value

def watch(record):
    if isinstance(record, Sample):
        print(json.dumps(["sample", record.point.executor, record.point.size, record.round]), flush=True)

graph = Graph(fan_out(Node("work", exec=work)))
executors = ["processes", "threads"] if "workers" in sys.argv else ["threads", "serial"]
result = bench(graph, sizes=[1, 2], input=lambda n: [1] * n, workers=[2], executors=executors, budget="2s", name="killed",
               precision=1e-9, watch=watch)
print(json.dumps(["frame", [[row.executor, row.size, row.status] for row in result.frame.itertuples()]]), flush=True)
"""
MAP = """
import json, time
from pocket_lab import Graph, Node

def work(value):
    time.sleep(0.01)
    return 2 * value

print(json.dumps(["begun"]), flush=True)
found = Graph(Node("work", exec=work)).map(range(60), workers=2, executor="processes", on_error="collect")
print(json.dumps(["map", [value if isinstance(value, int) else str(value) for value in found]]), flush=True)
"""


class Program:
    """A program under way, in a folder of its own, and all that it has started."""

    def __init__(self, source: str, *arguments: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="lab-kills-")
        self.root = Path(self.folder.name)
        (self.root / "tmp").mkdir()
        self.mark = uuid.uuid4().hex
        environment = {
            **os.environ,
            MARK: self.mark,
            "TMPDIR": str(self.root / "tmp"),
            "POCKET_LAB_HOME": str(self.root / "home"),
        }
        command = [sys.executable, "-c", source, *arguments]
        with (self.root / "out").open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)

    def processes(self) -> dict[int, tuple[int, str]]:
        """The parent and the command line of each process that lives, by its number."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    state, parent = (entry / "stat").read_text().rpartition(") ")[2].split()[:2]
                    if state != "Z":
                        found[int(entry.name)] = int(parent), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has just gone
                continue
        return found

    def said(self) -> list[list[object]]:
        """The lines that it has printed so far."""
        lines = (self.root / "out").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("[")]

    def left(self) -> list[str]:
        """What is left of it after a while."""
        end = time.monotonic() + PATIENCE_S
        while True:
            commands = [f"process {command[:80]!r}" for _, command in self.processes().values()]
            found = [*commands, *(f"file {path.name}" for path in (self.root / "tmp").iterdir())]
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.05)

    def close(self) -> None:
        """End it, and remove its folder."""
        for pid in (*self.processes(), self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        self.folder.cleanup()


def itself(program: Program) -> list[int]:
    return [program.process.pid]


def child(program: Program) -> list[int]:
    """The measuring process: the watchdog has the same command line, and it as its parent."""
    found = program.processes()
    return [pid for pid, (parent, command) in found.items() if parent == program.process.pid and "fork_watchdog" in command]


def worker(program: Program) -> list[int]:
    return [pid for pid, (_, command) in program.processes().items() if "popen_loky" in command]


def kill_one(
    source: str, arguments: tuple[str, ...], victims: Callable[[Program], list[int]], order: random.Random
) -> list[str] | None:
    """What went wrong with a program whose victim is killed at a random moment of its life; None where it ended before."""
    program = Program(source, *arguments)
    try:
        wrong: list[str] = []
        moment, is_killed = time.monotonic() + order.random() * order.choice((1.0, 4.0)), False
        while program.process.poll() is None and not is_killed:
            if time.monotonic() > moment and (found := victims(program)):
                os.kill(order.choice(found), signal.SIGKILL)
                is_killed = True
            time.sleep(0.002)
        try:
            code = program.process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            return ["the program hangs"]
        if not is_killed and not code:
            return None
        wrong += [f"left: {left}" for left in program.left()]
        said = program.said()
        wrong += lost_samples(program, said)
        if victims is not itself or not is_killed:
            wrong += lost_results(code, said, (program.root / "out").read_text())
        return wrong
    finally:
        program.close()


def lost_samples(program: Program, said: list[list[object]]) -> list[str]:
    """Samples that the program has shown and the history does not have."""
    shown = sum(line[0] == "sample" for line in said)
    if not shown:
        return []
    database = sqlite3.connect(program.root / "home" / "history.db")
    try:
        (whole,) = database.execute("pragma integrity_check").fetchone()
    finally:
        database.close()
    script = "from pocket_lab.lab.history import History; print(len(History().load('killed').samples))"
    environment = {**os.environ, "POCKET_LAB_HOME": str(program.root / "home")}
    loaded = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    kept = int(loaded.stdout or -1)
    if whole != "ok" or kept < shown:
        return [f"the history ({whole}) has {kept} of {shown} samples: {loaded.stderr[-300:]}"]
    return []


def lost_results(code: int, said: list[list[object]], text: str) -> list[str]:
    """Results that a program which lives on has lost, beyond the point or the item at work."""
    last = said[-1] if said else [""]
    if code or last[0] not in ("frame", "map"):
        return [f"exit code {code}, {text[-600:]}"]
    rows = last[1]
    assert isinstance(rows, list)
    if last[0] == "map":
        errors = [value for index, value in enumerate(rows) if value != 2 * index]
        return [f"{len(errors)} items lost: {errors}"] if len(errors) > 1 or not all(map(names_item, errors)) else []
    failed = [row for row in rows if row[2] == "failed"]
    return [f"points lost: {rows}"] if len(failed) > 1 or len(rows) != 4 else []


def names_item(error: object) -> bool:
    """Whether the error of an item says how its worker ended, and on which item."""
    return "SIGKILL" in str(error) and "while it ran item" in str(error)


ROLES: dict[str, tuple[str, tuple[str, ...], Callable[[Program], list[int]]]] = {
    "a program that measures": (BENCH, (), itself),
    "a program that measures on workers": (BENCH, ("workers",), itself),
    "its measuring process": (BENCH, (), child),
    "a worker of its measuring process": (BENCH, ("workers",), worker),
    "a program that maps": (MAP, (), itself),
    "a worker of a program that maps": (MAP, (), worker),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--only", choices=range(len(ROLES)), type=int, help="the number of one role")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    order, roles, wrong, number = random.Random(options.seed), list(ROLES.items()), 0, 0
    while number < options.kills:
        name, (source, arguments, victims) = roles[number % len(roles) if options.only is None else options.only]
        found = kill_one(source, arguments, victims, order)
        number += found is not None
        if found:
            wrong += 1
            print(f"kill {number}, {name}:", *found, sep="\n  ", flush=True)
    print(f"{options.kills - wrong} of {options.kills} kills lose nothing and leave nothing")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
