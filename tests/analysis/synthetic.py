"""Sweeps of known truth, made as the records that a measurement yields.

A sweep is a workload on a machine. The workload says how long a run truly takes at each point and what its workers do; the
machine makes the times differ from that: noise in time, spikes, trends, two speeds, other work that takes the cores. All
points of a round share the machine, and take turns in random order. Where rounds are few, the machine was fast for some
points and slow for others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pocket_lab.records.point import Point, Status
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Probe, Sample, Waits
from pocket_lab.stats.median_interval import estimate_median, is_look

Draws = NDArray[np.float64]
LAWS: dict[str, Callable[[Draws, float], Draws]] = {
    "1": lambda n, _: np.ones_like(n),
    "log n": lambda n, _: np.log(n),
    "n": lambda n, _: n,
    "n log n": lambda n, _: n * np.log(n),
    "n^2": lambda n, _: n**2,
    "n^3": lambda n, _: n**3,
    "power": lambda n, exponent: n**exponent,
}
EXPONENTS = (0.5, 0.7, 1.3, 1.5, 1.7, 2.5)
MACHINES = ("usual", "noisy", "drifting", "two-speed", "slow first runs", "preempted", "thin")
WORKLOADS = ("sizes", "waiting", "interpreter lock", "processes", "starved", "contended")
WELL_MEASURED = 20
_BATCH_S, _PRECISION = 0.003, 0.02


@dataclass(slots=True)
class Work:
    """What is truly so at a point: wall seconds of a run, the share of them that is a wait for the world, the cores that are
    busy meanwhile, and the share of the workers' time in which they sleep, for the world, a lock or an item.
    """

    run_s: float
    waiting: float
    busy: float
    asleep: float


@dataclass(slots=True)
class Sweep:
    """The records of a sweep and what is true of it: the growth law over sizes, the time of a run at each point, and how many
    times that of the even rounds the odd ones take at the point that is built twice. `unvisited` points had a first run only.
    """

    workload: str
    machine: str
    rounds: int
    work: dict[Point, Work]
    law: str = ""
    twin: float = 1.0
    unvisited: frozenset[Point] = frozenset()
    records: list[Record] = field(default_factory=list)

    @property
    def is_well_measured(self) -> bool:
        """Whether somebody who measured this way may expect to be told something."""
        return self.machine == "usual" and self.rounds >= WELL_MEASURED and not self.unvisited

    def throughput(self, point: Point) -> float:
        """Runs a second, truly."""
        return 1 / self.work[point].run_s


def make_sweep(seed: int) -> Sweep:
    """A sweep of a workload and a machine that follow from the seed, over sizes and over workers in turn."""
    random = np.random.default_rng([20_261, seed])
    machine = MACHINES[seed // 2 % len(MACHINES)]
    workload = WORKLOADS[0] if seed % 2 == 0 else WORKLOADS[1 + seed // 2 % (len(WORKLOADS) - 1)]
    law = list(LAWS)[int(random.integers(len(LAWS)))] if workload == "sizes" else ""
    work = _over_sizes(random, law) if law else _over_workers(random, workload)
    rounds = (
        int(random.integers(0, 8))
        if machine == "thin"
        else int(random.choice([random.integers(6, 20), random.integers(20, 61)]))
    )
    sweep = Sweep(workload, machine, rounds, work, law)
    sweep.records = _measured(random, sweep)
    return sweep


def _over_sizes(random: np.random.Generator, law: str) -> dict[Point, Work]:
    """Four to nine sizes over one to four decades, of which the smallest may be mostly a fixed cost, the largest never is.

    Half of the targets are a few per cent off the law at each size, whatever the rounds: caches, where memory lies.
    """
    decades, count, start = random.uniform(1, 4), int(random.integers(4, 10)), 10 ** random.uniform(0.5, 2)
    sizes = np.unique(np.round(np.geomspace(start, start * 10**decades, count)))
    shape = LAWS[law](sizes, float(random.choice(EXPONENTS)))
    fixed = random.choice([0.0, random.uniform(0, 0.5) * 10 ** -random.uniform(0, 2)])
    seconds = 10 ** random.uniform(-3, 0) * (shape / shape[-1] + fixed)
    seconds *= np.exp(random.choice([0.0, random.uniform(0.005, 0.05)]) * random.standard_normal(len(sizes)))
    waiting = float(random.choice([0.0, 0.0, random.uniform(0.3, 0.98)]))
    executor = str(random.choice(["serial", "threads"]))
    points = [Point("t", int(size), 1, executor, "run") for size in sizes]
    return {point: Work(float(s), waiting, 1 - waiting, waiting) for point, s in zip(points, seconds, strict=True)}


def _over_workers(random: np.random.Generator, workload: str) -> dict[Point, Work]:
    """Two to six worker counts on one or two executors, with the speed-up of the workload."""
    counts = [1, *sorted(random.choice(np.arange(2, 9), int(random.integers(1, 5)), replace=False).tolist())]
    executors = ["threads", "processes"] if random.random() < 0.5 else [_usual_executor(workload, random)]
    seconds = 10 ** random.uniform(-2.5, 0)
    waiting = random.uniform(0.4, 0.98) if workload in ("waiting", "contended") else 0.0
    if workload == "starved":
        waiting = random.choice([0.0, random.uniform(0.4, 0.98)])
    cores, items = int(random.choice([2, 4, 8])), int(random.integers(2, 5))
    loss, clash = random.uniform(0, 0.08), random.uniform(0.02, 0.1)
    apart = random.uniform(0.9, 1.1)  # the runs of another executor cost a little more or less
    found = {}
    for executor in executors:
        for workers in counts:
            speedup = _speedup(workload, executor, workers, waiting, cores, items, loss, clash)
            run_s = seconds / speedup * (apart if executor == "processes" else 1.0)
            busy = min((1 - waiting) * speedup, workers, cores) if executor == "processes" or waiting else 1.0
            point = Point("t", 100, int(workers), executor, "map")
            asleep = 0.0 if workload == "processes" and executor == "processes" else 1 - busy / workers
            found[point] = Work(run_s, waiting, busy, asleep)
    return found


def _usual_executor(workload: str, random: np.random.Generator) -> str:
    if workload in ("interpreter lock", "processes"):
        return "threads" if workload == "interpreter lock" else "processes"
    return str(random.choice(["threads", "processes"]))


def _speedup(
    workload: str, executor: str, workers: int, waiting: float, cores: int, items: int, loss: float, clash: float
) -> float:
    """The true speed-up against one worker.

    Work that holds the interpreter lock gains nothing on threads; on processes it gains as many times as there are cores. The
    waiting part of work overlaps on either; a starved one has too few items; a contended one waits for what others use.
    """
    at_once = min(workers, items) if workload == "starved" else workers
    amdahl = at_once / (1 + loss * (at_once - 1))
    if workload == "contended":
        return amdahl / (1 + clash * workers * (workers - 1) / 2)
    most = (1.0 if executor == "threads" else float(cores)) / (1 - waiting) if waiting < 1 else math.inf
    switching = 1 - 0.01 * (workers - 1) if executor == "threads" and not waiting else 1.0
    return min(amdahl, most) * switching


def _measured(random: np.random.Generator, sweep: Sweep) -> list[Record]:
    points, rounds = list(sweep.work), sweep.rounds
    speed, queued, own = _machine(random, sweep.machine, rounds, len(points))
    first = random.uniform(5, 100) if sweep.machine == "slow first runs" else random.uniform(1, 2)
    late = int(random.integers(0, 3)) if sweep.machine == "slow first runs" else 0  # further rounds that are slow
    probed = min(points, key=lambda point: sweep.work[point].run_s)
    knows_queue = random.random() < 0.8  # not every system reports the run queue
    sweep.twin = float(np.exp(0.003 * random.standard_normal()))
    records: list[Record] = [Planned(tuple(points), 30.0)]
    taken: dict[Point, list[tuple[float, float]]] = {point: [] for point in points}
    for point in points:
        records.append(_sample(point, 0, first * sweep.work[point].run_s, first * sweep.work[point].run_s, loops=1))
    records.append(Probe(probed))
    if random.random() < 0.1:  # the budget is enough for some of the points
        sweep.unvisited = frozenset(point for point in points if point != probed and random.random() < 0.4)
    open_points, status = [point for point in points if point not in sweep.unvisited], dict[Point, Status]()
    cut = (
        int(random.integers(1, len(points) + 1)) if random.random() < 0.5 else len(points)
    )  # the budget ends in the last round
    for number in range(1, rounds + 1):
        order = [open_points[place] for place in random.permutation(len(open_points))]
        for place, point in enumerate(order if number < rounds else order[:cut]):
            work, visit = sweep.work[point], (number - 1) * len(points) + place
            factor = speed[visit] * own[number - 1, points.index(point)]
            factor *= 1 + (first - 1) * 0.5**number if number <= late else 1.0
            jitter = math.exp(0.01 * random.standard_normal())
            wall = work.run_s * (work.waiting * jitter + (1 - work.waiting) * factor * (1 + queued[visit]))
            cpu = work.run_s * work.busy * factor
            if point == probed and number % 2:
                wall, cpu = wall * sweep.twin, cpu * sweep.twin
            taken[point].append((wall, cpu))
            records.append(_sample(point, number, wall, cpu, _loops(work.run_s)))
            clock = int(not work.waiting and point.executor == "serial")
            seconds = [pair[clock] for pair in taken[point]]
            if is_look(len(seconds)) and estimate_median(seconds).precision <= _PRECISION:
                status[point] = "done"
                open_points.remove(point)
    for point in points:
        if taken[point]:
            waits = _waits(point, sweep.work[point], taken[point], _loops(sweep.work[point].run_s))
            records.append(waits if knows_queue else replace(waits, queued_s=math.nan))
        records.append(Closed(point, status.get(point, "budget")))
    return records


def _machine(random: np.random.Generator, machine: str, rounds: int, points: int) -> tuple[Draws, Draws, Draws]:
    """How slow the machine was and how long workers stood in the run queue, for each visit in time, and for each round and
    point a factor of that batch, of which half the sweeps have slow noise that no other point shares.
    """
    count, shape = max(rounds * points, 1), (max(rounds, 1), points)
    speed = np.exp(0.02 * _correlated(random, count, 1 - 1 / (points * random.uniform(0.5, 5))))
    own, queued = np.exp(0.01 * random.standard_normal(shape)), np.zeros(count)
    if machine == "thin":
        own = np.exp(random.uniform(0.01, 0.1) * random.standard_normal(shape))
    if machine == "noisy":
        spread, share = random.uniform(0.03, 0.15), random.uniform(0.02, 0.15)
        spikes = np.where(random.random(shape) < share, random.uniform(1.5, 8, shape), 1.0)
        own = np.exp(spread * random.standard_normal(shape)) * spikes
        speed = np.exp(random.uniform(0.02, 0.1) * _correlated(random, count, 1 - 1 / (points * random.uniform(0.5, 5))))
    if random.random() < 0.5:
        slow = np.stack([_correlated(random, shape[0], 0.6) for _ in range(points)], axis=1)
        own = own * np.exp(random.uniform(0.005, 0.04) * slow)
    if machine == "drifting":
        speed = speed * np.exp(random.choice([-1, 1]) * random.uniform(0.05, 0.35) * np.linspace(0, 1, count))
    if machine == "two-speed" or (machine == "thin" and random.random() < 0.5):
        speed = speed * np.where(_stretches(random, count, points), random.uniform(1.15, 1.7), 1.0)
    if machine == "preempted":
        queued = random.uniform(0.1, 1.0) * random.exponential(size=count)
    return speed, queued, own


def _correlated(random: np.random.Generator, count: int, like_before: float) -> Draws:
    like_before = min(max(like_before, 0.0), 0.98)
    values = random.standard_normal(count)
    for place in range(1, count):
        values[place] = like_before * values[place - 1] + math.sqrt(1 - like_before**2) * values[place]
    return values


def _stretches(random: np.random.Generator, count: int, points: int) -> NDArray[np.bool_]:
    """Whether the machine is slow: it changes over after half a round to ten rounds."""
    mean, slow, found = points * random.uniform(0.5, 10), bool(random.random() < 0.5), list[bool]()
    while len(found) < count:
        found += [slow] * max(1, round(random.exponential(mean)))
        slow = not slow
    return np.array(found[:count])


def _loops(run_s: float) -> int:
    return max(1, math.ceil(_BATCH_S / run_s))


def _sample(point: Point, number: int, wall_s: float, cpu_s: float, loops: int) -> Sample:
    return Sample(point, number, loops, wall_s * loops, cpu_s * loops, loops)


def _waits(point: Point, work: Work, taken: Sequence[tuple[float, float]], loops: int) -> Waits:
    """Workers that do not run stand in the run queue where the work does not wait; on one lock they wait for each other."""
    wall_s, cpu_s = (loops * sum(pair[clock] for pair in taken) for clock in (0, 1))
    asleep_s = work.asleep * wall_s * point.workers
    queued_s = max(0.0, wall_s * point.workers - cpu_s - asleep_s)
    switches = len(taken) * loops * point.workers if work.asleep else 0
    return Waits(point, len(taken), wall_s, cpu_s, queued_s, switches)
