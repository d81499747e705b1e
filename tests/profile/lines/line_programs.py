"""Random programs whose lines run a known number of times, by way of all that a node can call, start and define."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from typing import Any

from hypothesis import strategies as st

from pocket_lab import Graph, Node, fan_out

UNKNOWN = -1  # how often a line runs differs between versions of Python, or is of no interest
Line = tuple[str, int]
Hits = dict[tuple[str, str, int], int]  # by node, file and line
MODULES = {module.__name__: module for module in (asyncio, contextlib, functools, threading)}
MODULES |= {"ThreadPoolExecutor": ThreadPoolExecutor, "ThreadPool": ThreadPool}  # type: ignore[dict-item]


def lines(text: str, k: int, p: int) -> list[Line]:
    """The lines of a part; what follows `#` is how often each runs in a visit, where that is known."""
    found = []
    for line in text.strip("\n").splitlines():
        code, _, hits = line.replace("{k}", str(k)).replace("{p}", str(p)).partition("  #")
        found.append((code, eval(hits, {"k": k}) if hits else UNKNOWN))
    return found


PLAIN = {
    "loop": """
    for step in range({k}):  # k + 1
        total += step  # k
""",
    "inner": """
    def inner{p}(i):  # 1
        return i + 1  # k
    total += sum(map(inner{p}, range({k})))  # 1
""",
    "short": """
    def short{p}(i): return i + 1  # 1 + k
    total += sum(map(short{p}, range({k})))  # 1
""",
    "lambda": """
    double{p} = lambda i: (
        i * 2  # k
    )
    total += sum(map(double{p}, range({k})))  # 1
""",
    "short lambda": """
    total += sum(map(lambda i: i * 2, range({k})))  # 1 + k
""",
    "comprehension": """
    total += sum([
        i + 1  # k
        for i in range({k})
    ])
""",
    "dictionary": """
    total += len({
        i: (lambda j:
            j + i  # k
        )(i)
        for i in range({k})
    })
""",
    "generator": """
    def lazily{p}():  # 1
        for i in range({k}):  # k + 1
            yield i  # k
    total += sum(lazily{p}())  # 1
""",
    "closed generator": """
    def endless{p}():  # 1
        try:  # k
            while True:  # k
                yield 1  # k
        finally:
            ended{p}.append(1)  # k
    ended{p} = []  # 1
    for _ in range({k}):  # k + 1
        stream{p} = endless{p}()  # k
        next(stream{p})  # k
        stream{p}.close()  # k
""",
    "thrown generator": """
    def below{p}():  # 1
        yield 1  # k
    def caught{p}():  # 1
        try:  # k
            yield 1  # k
        except ValueError:  # k
            return 2  # k
    def above{p}():  # 1
        seen{p}.append((yield from caught{p}()))  # k
        yield from below{p}()  # k
    seen{p} = []  # 1
    for _ in range({k}):  # k + 1
        stream{p} = above{p}()  # k
        next(stream{p})  # k
        stream{p}.throw(ValueError())  # k
        stream{p}.close()  # k
    total += len(seen{p})  # 1
""",
    "yields in a line": """
    def asking{p}():  # 1
        first = (yield 1) or (yield 2)  # k
        second = str((yield 3) if first else 4)  # k
        yield second  # k
    for _ in range({k}):  # k + 1
        total += len(list(asking{p}()))  # k
""",
    "errors in a line": """
    def fails{p}():  # 1
        raise KeyError  # k
    for _ in range({k}):  # k + 1
        with contextlib.suppress(KeyError): fails{p}()  # k
""",
    "class": """
    class Local{p}:
        def __init__(self, value):
            self.value = value  # k
        @property
        def double(self):
            return self.value * 2  # k
    for i in range({k}):  # k + 1
        total += Local{p}(i).double  # k
""",
    "recursion": """
    def again{p}(i):  # 1
        return again{p}(i - 1) if i else 0  # k + 1
    total += again{p}({k})  # 1
""",
    "errors": """
    for i in range({k}):  # k + 1
        try:  # k
            raise ValueError(i)  # k
        except ValueError:  # k
            total += 1  # k
""",
    "errors of others": """
    def failing{p}(i):  # 1
        return 1 // i  # k
    for i in range({k}):  # k + 1
        try:  # k
            failing{p}(0)  # k
        except ZeroDivisionError:  # k
            total += 1  # k
        finally:
            total += 2  # k
""",
    "context": """
    @contextlib.contextmanager
    def around{p}():
        before = 1  # k
        yield before  # k
        after = 2  # k
    for _ in range({k}):  # k + 1
        with around{p}() as before:
            total += before  # k
""",
    "dispatch": """
    @functools.singledispatch
    def area{p}(value):
        return 0  # 0
    @area{p}.register
    def of_int{p}(value: int):
        return 1  # k
    for i in range({k}):  # k + 1
        total += area{p}(i)  # k
""",
    "thread": """
    def threaded{p}():  # 1
        seen{p}.append(1)  # k
    seen{p} = []  # 1
    for _ in range({k}):  # k + 1
        thread = threading.Thread(target=threaded{p})  # k
        thread.start()  # k
        thread.join()  # k
    total += len(seen{p})  # 1
""",
    "own thread": """
    class Own{p}(threading.Thread):
        def run(self):
            seen{p}.append(1)  # k
    seen{p} = []  # 1
    for _ in range({k}):  # k + 1
        own{p} = Own{p}()  # k
        own{p}.start()  # k
        own{p}.join()  # k
""",
    "timer": """
    def timed{p}():  # 1
        seen{p}.append(1)  # k
    seen{p} = []  # 1
    for _ in range({k}):  # k + 1
        timer = threading.Timer(0.0, timed{p})  # k
        timer.start()  # k
        timer.join()  # k
""",
    "threads at once": """
    def crowded{p}(i):  # 1
        for step in range(i):  # k * (k + 1) // 2
            seen{p}.append(step)  # k * (k - 1) // 2
    seen{p} = []  # 1
    crowd{p} = [threading.Thread(target=crowded{p}, args=(i,)) for i in range({k})]
    for thread in crowd{p}:  # k + 1
        thread.start()  # k
    for thread in crowd{p}:  # k + 1
        thread.join()  # k
""",
    "pool": """
    def pooled{p}(i):  # 1
        return i  # k
    with ThreadPoolExecutor(2) as pool:
        total += sum(pool.map(pooled{p}, range({k})))  # 1
""",
    "callback": """
    def noted{p}(future):  # 1
        seen{p}.append(future.result())  # k
    seen{p} = []  # 1
    with ThreadPoolExecutor(1) as pool:
        for i in range({k}):  # k + 1
            pool.submit(abs, i).add_done_callback(noted{p})  # k
""",
    "old pool": """
    def mapped{p}(i):  # 1
        return i  # k
    with ThreadPool(2) as pool:
        total += sum(pool.map(mapped{p}, range({k})))  # 1
""",
    "thread of a pool": """
    def deep{p}():  # 1
        seen{p}.append(1)  # k
    def starting{p}(i):  # 1
        thread = threading.Thread(target=deep{p})  # k
        thread.start()  # k
        thread.join()  # k
    seen{p} = []  # 1
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(starting{p}, range({k})))  # 1
""",
}
SYNC = {
    "event loop": """
    async def task{p}(i):  # 1
        await asyncio.sleep(0)  # k
        return i  # k
    def moved{p}(i):  # 1
        return i  # k
    async def main{p}():  # 1
        tasks = [asyncio.create_task(task{p}(i)) for i in range({k})]
        for task in tasks:  # k + 1
            await task  # k
        for i in range({k}):  # k + 1
            await asyncio.to_thread(moved{p}, i)  # k
    asyncio.run(main{p}())  # 1
""",
}
ASYNC = {
    "sleeps": """
    for _ in range({k}):  # k + 1
        await asyncio.sleep(0)  # k
        total += 1  # k
""",
    "tasks": """
    async def task{p}(i):  # 1
        await asyncio.sleep(0)  # k
        return i  # k
    total += sum(await asyncio.gather(*map(task{p}, range({k}))))  # 1
""",
    "cancelled tasks": """
    async def patient{p}():  # 1
        await asyncio.sleep(60)  # k
    async def stubborn{p}():  # 1
        try:  # k
            await asyncio.sleep(60)  # k
        except asyncio.CancelledError:  # k
            return 1  # k
    async def around{p}():  # 1
        seen{p}.append(await stubborn{p}())  # k
        await asyncio.sleep(0)  # k
    seen{p} = []  # 1
    for _ in range({k}):  # k + 1
        tasks{p} = [asyncio.create_task(patient{p}()), asyncio.create_task(around{p}())]
        await asyncio.sleep(0)  # k
        for task in tasks{p}:  # k * 3
            task.cancel()  # k * 2
        await asyncio.wait(tasks{p})  # k
    total += len(seen{p})  # 1
""",
    "time limits": """
    async def late{p}():  # 1
        async with asyncio.timeout(0.001):  # 2 * k
            await asyncio.sleep(60)  # k
    for _ in range({k}):  # k + 1
        try:  # k
            await late{p}()  # k
        except TimeoutError:  # k
            total += 1  # k
""",
    "to thread": """
    def moved{p}(i):  # 1
        return i  # k
    for i in range({k}):  # k + 1
        total += await asyncio.to_thread(moved{p}, i)  # k
""",
    "async generator": """
    async def stream{p}():  # 1
        for i in range({k}):  # k + 1
            await asyncio.sleep(0)  # k
            yield i  # k
    async for i in stream{p}():
        total += i  # k
""",
    "group": """
    async def grouped{p}(i):  # 1
        await asyncio.sleep(0.0)  # k
        seen{p}.append(i)  # k
    seen{p} = []  # 1
    async with asyncio.TaskGroup() as group:
        for i in range({k}):  # k + 1
            group.create_task(grouped{p}(i))  # k
""",
}
LAYERS = {
    "polite": """
def polite(function):
    @functools.wraps(function)
    {a}def around(*args):
        kept = args  # 1
        return {w}function(*kept)  # 1
    return around
""",
    "rude": """
def rude(function):
    {a}def around(*args):
        return {w}function(*args)  # 1
    return around
""",
    "lined": """
def lined(function):
    {a}def around(*args): return {w}function(*args)  # 1
    return around
""",
    "Kept": """
class Kept:
    def __init__(self, function):
        self.function = function
    {a}def __call__(self, *args):
        kept = args  # 1
        return {w}self.function(*kept)  # 1
""",
}


@dataclass
class Source:
    """A text with how often its lines run in a visit; it is compiled as a file of this name."""

    file: str
    text: list[str] = field(default_factory=list)
    hits: Counter[int] = field(default_factory=Counter)

    def add(self, part: list[Line]) -> None:
        for code, count in part:
            self.text.append(code)
            if count != UNKNOWN:
                self.hits[len(self.text)] = count

    def names(self) -> dict[str, Any]:
        names: dict[str, Any] = dict(MODULES)
        exec(compile("\n".join(self.text) + "\n", self.file, "exec", dont_inherit=True), names)
        return names


@dataclass(frozen=True)
class Program:
    """A graph that runs its chain of nodes for each item, the hits of its lines for so many items, and what it was made of."""

    graph: Graph
    hits: Callable[[int], Hits]
    text: str

    def __repr__(self) -> str:
        return self.text


def wrong(frame: Any, program: Program, items: int) -> dict[tuple[str, str, int], tuple[int, int]]:
    """The lines whose hits are not those that are known, each with both."""
    counted = frame.groupby(["node", "file", "line"])["hits"].sum().to_dict()
    expected = program.hits(items)
    return {line: (counted.get(line, 0), hits) for line, hits in expected.items() if counted.get(line, 0) != hits}


def program_of(specs: list[tuple[list[tuple[str, int]], list[str], bool]], is_async: bool) -> Program:
    """Each node has parts with a number each, layers of decorators, and a file of its own or none."""
    nodes, once, texts = [], Counter[tuple[str, str, int]](), []
    a, w = ("async ", "await ") if is_async else ("", "")
    known = {**PLAIN, **(ASYNC if is_async else SYNC)}
    for number, (parts, layers, has_file) in enumerate(specs):
        name = f"node {number}"
        body = Source(f"/programs/{number}.py" if has_file else "<string>")
        body.add([(f"{a}def body(value):", UNKNOWN), ("    total = 0", 1)])
        for index, (part, k) in enumerate(parts):
            body.add(lines(known[part], k, index))
        body.add([("    return value", 1)])
        sources, function = [body], body.names()["body"]
        for layer in layers:
            source = Source("<string>")
            source.add(lines(LAYERS[layer].replace("{a}", a).replace("{w}", w), 1, 0))
            sources.append(source)
            function = source.names()[layer](function)
        for source in sources:
            once.update({(name, source.file, line): count for line, count in source.hits.items()})
            texts += [f"# {name}, {source.file}", *source.text]
        unsure = {(name, s.file, n) for s in sources for n, _ in enumerate(s.text, 1) if n not in s.hits}
        for line in unsure & set(once) if len({source.file for source in sources}) < len(sources) else ():
            del once[line]  # another source of the same file has a line of this number
        nodes.append(Node(name, exec=function))
    path: Any = nodes[0]
    for node in nodes[1:]:
        path = path >> node
    graph = Graph(Node("items", exec=lambda size: list(range(size))) >> fan_out(Graph(path)))
    return Program(graph, lambda items: {line: count * items for line, count in once.items()}, "\n".join(texts))


def random_line_program(seed: int, is_async: bool) -> Program:
    """As `programs`, by a seed."""
    source = random.Random(seed)
    names = sorted({**PLAIN, **(ASYNC if is_async else SYNC)})

    def parts() -> list[tuple[str, int]]:
        return [(source.choice(names), source.randint(1, 4)) for _ in range(source.randint(1, 4))]

    def layers() -> list[str]:
        return source.choices(sorted(LAYERS), k=source.randint(0, 3))

    return program_of([(parts(), layers(), source.random() < 0.5) for _ in range(source.randint(1, 3))], is_async)


def programs(is_async: bool) -> st.SearchStrategy[Program]:
    """Chains of one to three nodes of one to four parts under at most three layers."""
    names = sorted({**PLAIN, **(ASYNC if is_async else SYNC)})
    parts = st.lists(st.tuples(st.sampled_from(names), st.integers(1, 4)), min_size=1, max_size=4)
    layers = st.lists(st.sampled_from(sorted(LAYERS)), max_size=3)
    return st.builds(program_of, st.lists(st.tuples(parts, layers, st.booleans()), min_size=1, max_size=3), st.just(is_async))
