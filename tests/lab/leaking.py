"""Targets that leave something behind, in a module that a measuring process imports fast (see `targets`)."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import threading
import time
from collections import deque
from functools import cache, lru_cache
from typing import Any

from pocket_lab import node

KEPT: list[Any] = []
RING: deque[bytearray] = deque(maxlen=8)
RECENT: dict[int, bytearray] = {}
POOL: list[bytearray] = []
COUNT = itertools.count()


@node
def clean(n: int) -> int:
    with open(__file__, encoding="utf-8") as source:
        text = source.read()
    thread = threading.Thread(target=len, args=(text,))
    thread.start()
    thread.join()
    subprocess.run(["true"], check=True)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
    return sum(len(line) for line in text.splitlines())


@cache
def table() -> list[bytearray]:
    return [bytearray(1_000_000) for _ in range(4)]


@node
def caches(n: int) -> int:
    return len(table())


@node
def thread(n: int) -> None:  # it lives until the process ends, but the process does not have to wait for it
    threading.Thread(target=threading.main_thread().join, name="waits for the end").start()


@node
def daemon(n: int) -> None:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


@node
def process(n: int) -> None:
    KEPT.append(subprocess.Popen(["sleep", "60"]))


@node
def file(n: int) -> None:
    KEPT.append(open(__file__, encoding="utf-8"))  # noqa: SIM115


@node
def sockets(n: int) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    KEPT.append(listening)


@node
async def task(n: int) -> None:
    KEPT.append(asyncio.create_task(asyncio.sleep(60)))


@node
def mebibyte(n: int) -> None:
    KEPT.append(bytearray(1 << 20))


@node
def objects(n: int) -> None:
    KEPT.append({number: object() for number in range(20)})


@node
def ring(n: int) -> None:
    RING.append(bytearray(1_000_000))


@lru_cache
def page(number: int) -> bytearray:
    return bytearray(50_000)


@node
def lru(n: int) -> None:  # 128 entries, more than a report has runs
    page(next(COUNT))


@node
def recent(n: int) -> None:
    RECENT[next(COUNT)] = bytearray(20_000)
    while len(RECENT) > 40:
        del RECENT[min(RECENT)]


@node
def pool(n: int) -> None:
    if len(POOL) < 25:
        POOL.append(bytearray(100_000))


@node
def bursts(n: int) -> None:  # a leak that a ring hides
    RING.append(bytearray(1_000_000))
    if next(COUNT) % 5 == 0:
        KEPT.append(bytearray(100_000))


@lru_cache(maxsize=100_000)
def row(number: int) -> bytearray:
    return bytearray(50_000)


@node
def fills(n: int) -> None:
    row(next(COUNT))
