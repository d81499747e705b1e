"""Random programs whose nodes allocate known bytes and use known CPU seconds, by way of all that a node can start."""

from __future__ import annotations

import _thread
import asyncio
import functools
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node

MIB = 2**20
ITEMS = 2
_SMALL_OBJECTS = 2**19  # bytes
Work = Callable[[], None]


def are_exact(off: int) -> bool:
    """Whether bytes that a node has too many or too few are those of small objects, as the standard library makes for threads.

    Python takes memory for small objects in arenas of 1 MiB, and one counts for the node that made it do so, which may be any
    node: one too many is right, and none too few. Blocks are larger, and of every size.
    """
    return abs(off) <= _SMALL_OBJECTS or abs(off - MIB) <= _SMALL_OBJECTS // 4


@dataclass
class Load:
    """What one part of a node does: it keeps a block until the node ends, and uses its thread's processor."""

    size: int
    seconds: float
    kept: list[Any] = field(default_factory=list)
    used: list[float] = field(default_factory=list)  # what the clock has said: it may leap over the end, on a busy machine

    def __call__(self) -> None:
        if self.size:
            self.kept.append(bytearray(self.size - 1))  # and its last byte, which is zero
        begun = time.thread_time()
        while (used := time.thread_time() - begun) < self.seconds:
            pass
        self.used.append(used)


# Ways to do the work of one part in plain code.


def plainly(work: Work) -> None:
    work()


def in_inner_function(work: Work) -> None:
    def inner() -> None:
        work()

    inner()


def in_lambda(work: Work) -> None:
    (lambda: work())()


def in_comprehension(work: Work) -> None:
    assert [work() for _ in range(1)] == [None]


def in_generator(work: Work) -> None:
    def items() -> Iterator[None]:
        yield work()

    assert list(items()) == [None]


def in_made_code(work: Work) -> None:
    names: dict[str, Any] = {}
    exec("def made(work):\n    work()\n", names)
    names["made"](work)


@dataclass
class Made:
    work: Work

    def __post_init__(self) -> None:
        self.work()


def in_dataclass(work: Work) -> None:
    Made(work)


def in_partial(work: Work) -> None:
    functools.partial(plainly, work)()


@functools.singledispatch
def dispatched(work: Any) -> None:
    raise TypeError(work)


@dispatched.register
def _(work: Load) -> None:
    work()


def in_dispatch(work: Work) -> None:
    dispatched(work)


def in_mock(work: Work) -> None:
    Mock(side_effect=work)()


def in_thread(work: Work) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


class Worker(threading.Thread):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def run(self) -> None:
        self.work()


def in_own_kind_of_thread(work: Work) -> None:
    thread = Worker(work)
    thread.start()
    thread.join()


def in_timer(work: Work) -> None:
    timer = threading.Timer(0.0, work)
    timer.start()
    timer.join()


def in_low_level_thread(work: Work) -> None:
    done = threading.Event()

    def run() -> None:
        work()
        done.set()

    _thread.start_new_thread(run, ())
    done.wait()


def in_pool(work: Work) -> None:
    with ThreadPoolExecutor(2) as pool:
        pool.submit(work).result()


def in_map_of_pool(work: Work) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: work(), range(1))) == [None]


def in_thread_of_pool(work: Work) -> None:
    in_pool(functools.partial(in_thread, work))


def in_old_pool(work: Work) -> None:
    with ThreadPool(1) as pool:
        pool.map(lambda _: work(), range(1))


def in_event_loop(work: Work) -> None:
    async def main() -> None:
        await asyncio.create_task(in_coroutine(work))

    asyncio.run(main())


# Ways for async nodes.


async def in_coroutine(work: Work) -> None:
    await asyncio.sleep(0)
    work()


async def in_task(work: Work) -> None:
    await asyncio.create_task(in_coroutine(work))


async def in_gather(work: Work) -> None:
    await asyncio.gather(in_coroutine(work), asyncio.sleep(0))


async def in_group(work: Work) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(in_task(work))


async def in_callback(work: Work) -> None:
    done = asyncio.get_running_loop().create_future()

    def call() -> None:
        work()
        done.set_result(None)

    asyncio.get_running_loop().call_later(0.001, call)
    await done


async def in_helper_thread(work: Work) -> None:
    await asyncio.to_thread(work)


async def in_own_executor(work: Work) -> None:
    with ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, work)


PLAIN = (
    *(
        plainly,
        in_inner_function,
        in_lambda,
        in_comprehension,
        in_generator,
        in_made_code,
        in_dataclass,
        in_partial,
        in_dispatch,
    ),
    *(in_mock, in_thread, in_own_kind_of_thread, in_timer, in_low_level_thread),
    *(in_pool, in_map_of_pool, in_thread_of_pool, in_old_pool),
    in_event_loop,
)
ASYNC = (in_coroutine, in_task, in_gather, in_group, in_callback, in_helper_thread, in_own_executor)


# Kinds of callables.


class Body:
    """What a node calls: its parts, one after the other; what they keep is given up at the end."""

    def __init__(self, parts: list[tuple[Callable[[Work], Any], int, float]], report: str = "") -> None:
        self.parts = parts
        self.report = report  # a file, to which each visit adds the CPU seconds that it has used

    def run(self, value: Any) -> Any:
        kept: list[Any] = []
        used: list[float] = []
        for way, size, seconds in self.parts:
            way(Load(size, seconds, kept, used))
        self.note(used)
        return value

    async def arun(self, value: Any) -> Any:
        kept: list[Any] = []
        used: list[float] = []
        for way, size, seconds in self.parts:
            await way(Load(size, seconds, kept, used))
        self.note(used)
        return value

    def note(self, used: list[float]) -> None:
        if self.report:
            with open(self.report, "a") as file:
                file.write(f"{math.fsum(used)}\n")


class Instance(Body):
    def __call__(self, value: Any) -> Any:
        return self.run(value)


def method(body: Body) -> Any:
    return body.run


def instance(body: Body) -> Any:
    return Instance(body.parts, body.report)


def partial(body: Body) -> Any:
    return functools.partial(Body.run, body)


def closure(body: Body) -> Any:
    return lambda value: body.run(value)


def made(body: Body) -> Any:
    names: dict[str, Any] = {"body": body}
    exec("def made(value):\n    return body.run(value)\n", names)
    return names["made"]


def decorated(body: Body) -> Any:
    """The first part is the decorator's."""
    first, rest = Body(body.parts[:1], body.report), Body(body.parts[1:], body.report)

    @functools.wraps(body.run)
    def wrapper(value: Any) -> Any:
        kept: list[Any] = []
        used: list[float] = []
        for way, size, seconds in first.parts:
            way(Load(size, seconds, kept, used))
        first.note(used)
        return rest.run(value)

    return wrapper


KINDS = (method, instance, partial, closure, made, decorated)


@dataclass(frozen=True)
class Program:
    """A graph, and for each node the bytes that one visit keeps until its end, and its CPU seconds at least.

    `used` takes those that it has used since the last time, by its own clock.
    """

    graph: Graph
    is_async: bool
    sizes: dict[str, int]
    seconds: dict[str, float]
    reports: dict[str, Path]

    def used(self, node: str) -> float:
        report = self.reports[node]
        seconds = math.fsum(map(float, report.read_text().split()))
        report.unlink()
        return seconds


def random_program(seed: int, is_async: bool, megabytes: int, seconds: float, reports: Path | None = None) -> Program:
    """A chain of one to four nodes of one to four parts; a part has up to so many MiB, and a node at least so many seconds."""
    source = random.Random(seed)
    nodes, sizes, times, files = [], {}, {}, {}
    for number in range(source.randint(1, 4)):
        ways = source.choices(ASYNC if is_async else PLAIN, k=source.randint(1, 4))
        node_s = seconds * source.uniform(1.0, 1.5)
        parts = [(way, source.randint(MIB, megabytes * MIB) if megabytes else 0, node_s / len(ways)) for way in ways]
        name = f"{seed}-{number}"
        if reports is not None:
            files[name] = reports / f"{name}.seconds"
        body = Body(parts, str(files.get(name, "")))
        nodes.append(Node(name, exec=body.arun if is_async else source.choice(KINDS)(body)))
        sizes[name], times[name] = sum(size for _, size, _ in parts), math.fsum(s for _, _, s in parts)
    path: Any = Node("room", exec=make_room)
    for node in nodes:
        path = path >> node
    return Program(Graph(path), is_async, sizes, times, files)


def executors(is_async: bool) -> tuple[str, ...]:
    return ("asyncio",) if is_async else ("serial", "threads", "processes")


class _Small:
    __slots__ = ("value",)


def make_room(value: Any) -> Any:
    """What a process needs once: arenas with free places for small objects, and the modules that threads and pools import."""
    if not _room:
        for way in PLAIN:
            way(Load(0, 0.0))
        objects = [_Small() for _ in range(400_000)]
        texts = [[index, str(index), (index, index), {index: index}] for index in range(40_000)]
        _room[:] = [objects[::40], texts[::20]]
    return value


_room: list[Any] = []
