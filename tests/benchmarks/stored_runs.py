"""How often two stored runs of the same code are called changed, and how often +10 % is found, while the neighbours change.

python tests/benchmarks/stored_runs.py                                  # judge the recorded sessions
python tests/benchmarks/stored_runs.py record --sessions 24 --folder F  # record again: a minute each; goes on where it stopped

A session is one `bench` of ten points in a fresh process, for a minute: eight kinds of CPU-bound work on one worker, and two
that wait. The recorder starts and ends the neighbours of each session: none, one loop, two, a stream through memory, on and
off, or now these, now those. `judge` compares every two sessions with `compare`, as they are and with the times of one side
multiplied by 1.1. The constants of the correction were chosen by earlier recordings, so that none of these sessions had a say.
The bars are for all pairs, and for the pairs of odd sessions alone. Exits with 1 where a bar is missed: at most 1.5 % of pairs
of unchanged code called changed, and 80 % of +10 % found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data" / "stored_runs.npz"
BUDGET_S = 60.0
FALSE_ALARMS, FINDS, CHANGE, PAIRS = 0.015, 0.80, 1.10, 200
STEPS_AN_OCTAVE = 1024  # times are kept as logs to base 2 in steps of 0.07 %
NOTHING = -(2**15)
FIELDS = ("kind", "round", "loops", "wall", "cpu", "reference_round", "at_ms", "memory", "integers", "matrix")
KINDS = ("words", "sort", "objects", "json", "gather", "matrix", "numpy sort", "regex", "half asleep", "mostly asleep")
WAITING = (8, 9)
NEIGHBOURS = ("none", "one loop", "two loops", "memory", "on and off", "changing")
LOOP = "while True: pass"
STREAM = "import numpy as np\na = np.ones(8_000_000)\nb = np.empty_like(a)\nwhile True: np.copyto(b, a); np.copyto(a, b)"


class Body:
    """What attributes and methods are read from."""

    def __init__(self, number: int) -> None:
        self.x, self.v = float(number), 0.5

    def step(self) -> None:
        """Move on."""
        self.x += self.v * 0.01
        self.v -= self.x * 0.01


def build(kind: int) -> Any:
    """The kind of work and what it works on."""
    chance = random.Random(kind)
    numbers = np.random.default_rng(kind)
    names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    text = " ".join(chance.choice(names) + str(chance.randrange(50)) for _ in range(1500))
    made = [
        lambda: text,
        lambda: [(chance.random(), str(number)) for number in range(2000)],
        lambda: [Body(number) for number in range(300)],
        lambda: {str(number): [number, {"name": str(number), "share": number / 7}] for number in range(250)},
        lambda: (numbers.random(1_000_000), numbers.integers(0, 1_000_000, 100_000)),
        lambda: numbers.random((120, 120)),
        lambda: numbers.random(20_000),
        lambda: text,
        lambda: 20_000,
        lambda: 4_000,
    ]
    return kind, made[kind]()


def work(given: Any) -> Any:
    """About a millisecond of one kind of work."""
    kind, data = given
    if kind == 0:
        counts: dict[str, int] = {}
        for word in data.split():
            counts[word.upper()[:7]] = counts.get(word.upper()[:7], 0) + len(word)
        return counts
    if kind == 1:
        return sorted(data, key=lambda pair: pair[0])
    if kind == 2:
        bodies = [Body(number) for number in range(len(data))]
        for _ in range(10):
            for body in bodies:
                body.step()
        return sum(body.x for body in bodies)
    if kind == 3:
        return json.loads(json.dumps(data))
    if kind == 4:
        return float(data[0][data[1]].sum())
    if kind == 5:
        return data @ data @ data @ data
    if kind == 6:
        return np.sort(data)
    if kind == 7:
        return len(re.findall(r"(\w)\w*(\d)\s+\w*\2", data[:3000]))
    time.sleep(0.001 if kind == 8 else 0.002)
    total = 0
    for number in range(data):
        total += number & 255
    return total


@contextmanager
def neighbours(regime: str, seed: int) -> Iterator[None]:
    """The neighbours of a session, in a process of their own, which ends them."""
    if regime == "none":
        yield
        return
    process = subprocess.Popen([sys.executable, __file__, "neighbours", "--regime", regime, "--seed", str(seed)])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def be_neighbours(regime: str, seed: int) -> None:
    """Start and end busy processes until this one is terminated."""
    import signal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    chance = random.Random(seed)
    sets = {"one loop": [LOOP], "two loops": [LOOP, LOOP], "memory": [STREAM], "none": []}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        while True:
            now = regime
            if regime == "on and off":
                now = "none" if processes else chance.choice(["one loop", "two loops"])
            elif regime == "changing":
                now = chance.choice(list(sets))
            end(processes)
            processes += [subprocess.Popen([sys.executable, "-c", code]) for code in sets[now]]
            time.sleep(chance.uniform(2, 5) if regime == "on and off" else chance.uniform(5, 15))
            if regime in sets:
                time.sleep(3600)
    finally:
        end(processes)


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    """End these processes."""
    for process in processes:
        process.kill()
        process.wait()
    processes.clear()


def record(folder: Path, sessions: int, seed: int) -> None:
    """Record the sessions that the folder does not have yet, and put all into the one file."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    regimes = list(itertools.islice(itertools.cycle(NEIGHBOURS), sessions))
    chance.shuffle(regimes)
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    for number, regime in enumerate(regimes):
        file = folder / f"{number:02}.npz"
        if file.exists():
            continue
        environment = {**os.environ, **one_thread, "POCKET_LAB_HOME": str(folder / "home")}
        with neighbours(regime, seed + number):
            time.sleep(1)
            command = [sys.executable, __file__, "session", "--file", str(file), "--regime", regime]
            subprocess.run(command, env=environment, check=True)
        print(number, regime, os.getloadavg()[0], flush=True)
    merged: dict[str, Any] = {}
    for file in sorted(folder.glob("[0-9]*.npz")):
        with np.load(file) as arrays:
            merged |= {f"{file.stem}/{name}": arrays[name] for name in arrays.files}
    DATA.parent.mkdir(exist_ok=True)
    np.savez_compressed(DATA, **merged)


def session(file: Path, regime: str) -> None:
    """One bench, kept as arrays: its samples by point and round, its references, and what else `compare` looks at."""
    from pocket_lab import bench
    from pocket_lab.records.samples import Reference, Sample, Waits

    began = time.time()
    result = bench(
        work, sizes=list(range(len(KINDS))), input=build, precision="0.01%", budget=BUDGET_S, name=f"session {file.stem}"
    )
    if result.failures:
        raise SystemExit(f"{result.failures}")
    samples = sorted((r for r in result.records if isinstance(r, Sample)), key=lambda r: (r.point.size, r.round))
    references = sorted((r for r in result.records if isinstance(r, Reference)), key=lambda r: r.round)
    others = {
        "regime": regime,
        "began": began,
        "load": os.getloadavg(),
        "environment": None if result.environment is None else asdict(result.environment),
        "waits": [asdict(r) for r in result.records if isinstance(r, Waits)],
        "basis": dict(zip(map(str, result.frame["size"]), result.frame["basis"], strict=True)),
    }
    arrays = {
        "kind": np.array([r.point.size for r in samples], np.uint8),
        "round": np.array([r.round for r in samples], np.uint16),
        "loops": np.array([r.loops for r in samples], np.uint32),
        "wall": kept([r.wall_s for r in samples]),
        "cpu": kept([r.cpu_s for r in samples]),
        "reference_round": np.array([r.round for r in references], np.uint16),
        "at_ms": np.array([r.at_s * 1000 for r in references], np.uint32),
        **{f"{name}": kept([getattr(r, f"{name}_s") for r in references]) for name in ("memory", "integers", "matrix")},
        "others": np.frombuffer(json.dumps(others).encode(), np.uint8),
    }
    temporary = file.with_suffix(".part.npz")
    np.savez_compressed(temporary, **arrays)
    temporary.rename(file)


def kept(seconds: list[float]) -> Any:
    """Times as whole numbers: logs in small steps."""
    logs = np.log2(np.maximum(np.array(seconds, float), 2.0**-31)) * STEPS_AN_OCTAVE
    return np.where(np.array(seconds) > 0, np.round(logs), NOTHING).clip(NOTHING, 2**15 - 1).astype(np.int16)


def seconds_of(steps: Any) -> Any:
    """The times that `kept` made numbers of."""
    return np.where(steps == NOTHING, 0.0, 2.0 ** (steps.astype(float) / STEPS_AN_OCTAVE))


def recorded(data: Path) -> list[Any]:
    """Each session as what `compare` takes of a stored run; the CPU-bound kinds of work are read on CPU time."""
    import pandas as pd

    from pocket_lab.analysis.compare.stored import StoredRun
    from pocket_lab.frames.references import references_frame
    from pocket_lab.frames.samples import samples_frame, without_warm_up
    from pocket_lab.records.samples import Reference

    found = []
    with np.load(data) as arrays:
        for number in sorted({name.split("/")[0] for name in arrays.files}):
            of = {name: arrays[f"{number}/{name}"] for name in FIELDS}
            columns = {
                "target": np.full(len(of["kind"]), "work", object),
                "size": of["kind"].astype(int),
                "workers": 1,
                "executor": "serial",
                "drive": "run",
                "rate": None,
                "round": of["round"].astype(int),
                "loops": of["loops"].astype(int),
                "items": of["loops"].astype(int),
                "error": None,
                "wall_s": seconds_of(of["wall"]),
                "cpu_s": seconds_of(of["cpu"]),
            }
            columns = {name: np.broadcast_to(np.array(values), len(of["kind"])) for name, values in columns.items()}
            times = [seconds_of(of[name]) for name in ("memory", "integers", "matrix")]
            rounds = zip(of["reference_round"], of["at_ms"] / 1000, *times, strict=True)
            references = references_frame([Reference(int(round), *map(float, values)) for round, *values in rounds])
            samples = without_warm_up(samples_frame([], columns))
            points = samples.drop_duplicates("size").assign(basis="cpu")
            points.loc[points["size"].isin(WAITING), "basis"] = "wall"
            found.append(StoredRun(number, samples, references, pd.DataFrame(points)))
    return found


def longer(run: Any, factor: float) -> Any:
    """The run as it would have been with code that takes so much longer."""
    from dataclasses import replace

    return replace(run, samples=run.samples.assign(**{name: run.samples[name] * factor for name in ("run_s", "cpu_run_s")}))


def rows_of(runs: list[Any]) -> Any:
    """The rows of every two runs, as they are (`factor` 1) and with one of them longer."""
    import pandas as pd

    from pocket_lab.analysis.compare.stored import compare_runs

    slower = [longer(run, CHANGE) for run in runs]
    rows = []
    for one, other in itertools.combinations(range(len(runs)), 2):
        first, second = (one, other) if (one + other) % 2 else (other, one)
        for factor, sides in ((1.0, runs), (CHANGE, slower)):
            rows.append(compare_runs(runs[first], sides[second]).assign(a=one, b=other, factor=factor))
    return pd.concat(rows, ignore_index=True)


def alone(rows: Any) -> Any:
    """The verdicts as those of runs with one point: whether the interval of 99 % excludes no change."""
    from pocket_lab.analysis.compare.stored import STORED_MARGIN

    change = np.log(rows["ratio"])
    half = np.log(rows["ratio_high"] / rows["ratio"])
    called = (change.abs() > half) & (change.abs() > np.log1p(STORED_MARGIN))
    return np.where(
        called, np.where(change > 0, "slower", "faster"), np.where(rows["verdict"] == "same", "same", "cannot tell")
    )


def shares(rows: Any, verdicts: Any) -> tuple[float, float, float]:
    """Of unchanged code: called changed, called the same; and of longer code, called slower."""
    unchanged = (rows["factor"] == 1.0).to_numpy()
    changed = np.isin(verdicts, ["slower", "faster"])
    return changed[unchanged].mean(), (verdicts == "same")[unchanged].mean(), (verdicts == "slower")[~unchanged].mean()


def by_medians(rows: Any, column: str, margin: float = 0.05) -> Any:
    """What a change of the raw medians beyond a margin would say."""
    return np.where(rows[column] > 1 + margin, "slower", np.where(rows[column] < 1 / (1 + margin), "faster", "same"))


def judge(data: Path) -> bool:
    """Print the table of every rule and every half; True where no bar is missed."""
    from dataclasses import replace

    runs = recorded(data)
    cpu_bound = [replace(run, samples=run.samples[~run.samples["size"].isin(WAITING)]) for run in runs]
    waiting = [replace(run, samples=run.samples[run.samples["size"].isin(WAITING)]) for run in runs]
    rows, wide = rows_of(cpu_bound), rows_of([replace(run, references=run.references.iloc[:0]) for run in cpu_bound])
    on_wall = rows_of([replace(run, points=run.points.assign(basis="wall")) for run in cpu_bound])
    asleep = rows_of(waiting)
    pairs = len(rows[["a", "b"]].drop_duplicates())
    print(f"{len(runs)} sessions, {pairs} pairs, {len(rows) // 2} comparisons of unchanged CPU-bound points")
    unchanged = rows[rows["factor"] == 1.0]
    for name in ("wall_ratio", "cpu_ratio", "machine_ratio", "ratio"):
        error = np.expm1(np.abs(np.log(unchanged[name])))
        print(f"  {name:14} differs by {error.median():6.1%} (median), {error.quantile(0.95):6.1%} (95th percentile)")
    print(f"{'':44}{'called changed':>15}{'same':>9}{'+10 % found':>13}")
    ways = {
        "wall medians, 5 %": (rows, by_medians(rows, "wall_ratio")),
        "CPU medians, 5 %": (rows, by_medians(rows, "cpu_ratio")),
        "control variates": (rows, alone(rows)),
        "control variates, eight points in one run": (rows, rows["verdict"].to_numpy()),
        "CPU time without references": (wide, alone(wide)),
        "wall time, CPU-bound": (on_wall, alone(on_wall)),
        "wall time, waiting": (asleep, alone(asleep)),
    }
    missed = []
    for name, (found, verdicts) in ways.items():
        for half in ("all", "even", "odd"):
            mask = np.ones(len(found), bool)
            if half != "all":
                mask = (found[["a", "b"]] % 2 == (half == "odd")).all(axis=1).to_numpy()
            alarms, same, finds = shares(found[mask], verdicts[mask])
            print(f"{name + ', ' + half + ' sessions':44}{alarms:15.1%}{same:9.1%}{finds:13.1%}")
            if half != "even" and "medians" not in name and alarms > FALSE_ALARMS:
                missed.append(f"{name}, {half}: {alarms:.1%} called changed")
            if half != "even" and name == "control variates" and finds < FINDS:
                missed.append(f"{name}, {half}: {finds:.1%} found")
    for text in missed:
        print("missed:", text)
    return pairs >= PAIRS and not missed


def main() -> int:
    """Judge what was recorded, or record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", default="judge", choices=["judge", "record", "session", "neighbours"])
    parser.add_argument("--sessions", type=int, default=24)
    parser.add_argument("--folder", type=Path, help="where each session is kept as soon as it ends")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--regime")
    options = parser.parse_args()
    if options.part == "record":
        record(options.folder, options.sessions, options.seed)
    elif options.part == "session":
        session(options.file, options.regime)
    elif options.part == "neighbours":
        be_neighbours(options.regime, options.seed)
    else:
        return 0 if judge(options.file or DATA) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
