"""Stop at random moments: fan-outs on every executor, and cells of a real kernel that measure or fan out.

python tests/benchmarks/stops.py

A process per executor maps an endless input and gets Ctrl-C after a random time, again and again; a Jupyter kernel gets its
Stop button during cells of every kind. Exits with 1 where a stop takes longer than five seconds, raises anything but
KeyboardInterrupt, leaves a thread or a process, or shows a frame of Pocket Lab or of its pools.
"""

from __future__ import annotations

import argparse
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

STOPS, LONGEST_S = 100, 5.0
WORK = ("returns", "naps", "spins")
EXECUTORS = ("serial", "threads", "processes", "asyncio")
OURS = ("pocket_lab/", "/concurrent/futures/", "/loky/", "/threading.py", "/asyncio/", "multiprocessing")

FAN_OUT = """
import asyncio, itertools, signal, sys, threading, time
from pocket_lab import Graph, Node
executor, does, item_s = sys.argv[1], sys.argv[2], 0.003

def work(value):
    if does == "naps":
        time.sleep(item_s)
    end = time.perf_counter() + item_s * (does == "spins")
    while time.perf_counter() < end:  # so that the caller waits for the interpreter lock, with an answer in its hands
        pass
    return value

async def later(value):
    await asyncio.sleep(item_s if does == "naps" else 0)
    return work(value) if does == "spins" else value

graph = Graph(Node("work", exec=later if executor == "asyncio" else work))
for line in sys.stdin:
    signal.alarm(100)  # nobody may be there any more who stops it
    try:
        print("runs", flush=True)
        if line.strip() == "map":
            graph.map(itertools.count(), workers=2, executor=executor)
        else:
            for _ in graph.imap(itertools.count(), workers=2, executor=executor):
                pass
        print("it has ended by itself", flush=True)
    except KeyboardInterrupt as stop:
        shown = getattr(stop, "_render_traceback_", list)()
    left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    end = time.monotonic() + 2
    while left and time.monotonic() < end:
        time.sleep(0.01)
        left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    print(f"stopped {left} {shown}", flush=True)
"""

CELLS = {
    "map on threads": "graph.map(itertools.count(), workers=2, executor='threads')",
    "map on processes": "graph.map(itertools.count(), workers=2, executor='processes')",
    "map on a loop": "coded.map(itertools.count(), workers=2)",
    "map in place": "graph.map(itertools.count())",
    "imap": "for _ in graph.imap(itertools.count(), workers=2): pass",
    "run": "slow.run(1)",
    "arun": "await later.arun(1)",
    "amap": "await coded.amap(itertools.count())",
    "bench": "pocket_lab.bench(graph, sizes=[1, 2], budget='60s', precision=1e-9)",
    "bench in place": "pocket_lab.bench(graph, sizes=[1, 2], budget='60s', precision=1e-9, isolation='kernel')",
    "magic": "%pocket_bench graph --sizes 1,2 --budget 60s --precision 0.0001%",
    "profile": "pocket_lab.cpu(slow, input=1)",
}
SET_UP = """
import asyncio, itertools, time, pocket_lab
from pocket_lab import Graph, Node
%load_ext pocket_lab
def nap(value):
    time.sleep(60)
async def wait(value):
    while True:  # a kernel whose loop sleeps for long does not see its Stop button
        await asyncio.sleep(0.01)
async def code(value):
    await asyncio.sleep(0.001)
    return value
graph = Graph(Node("work", exec=lambda value: value))
slow, later, coded = Graph(Node("nap", exec=nap)), Graph(Node("wait", exec=wait)), Graph(Node("code", exec=code))
"""


def lines_of(process: subprocess.Popen[str]) -> queue.SimpleQueue[str]:
    """What it prints, as it comes; an empty text at the end."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        with suppress(ValueError):  # closed after a kill
            for line in process.stdout:
                lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def drained(lines: queue.SimpleQueue[str]) -> str:
    """What is printed in the next moment."""
    text = ""
    with suppress(queue.Empty):
        while line := lines.get(timeout=0.3):
            text += line
    return text


def stop_fan_outs(executor: str, stops: int, order: random.Random) -> Iterator[str]:
    """What went wrong in each stop: nothing, or a sentence."""
    for turn, does in enumerate(WORK):
        command = [sys.executable, "-c", FAN_OUT, executor, does]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as ours:
            assert ours.stdin is not None
            lines = lines_of(ours)
            for number in range(turn, stops, len(WORK)):
                ours.stdin.write("map\n" if number % 2 else "imap\n")
                ours.stdin.flush()
                if (begun := lines.get(timeout=60)) != "runs\n":
                    yield f"instead of a fan-out: {begun}{drained(lines)}"
                    break
                time.sleep(order.random() * order.choice((0.02, 0.3, 1.5 if executor == "processes" else 0.3)))
                ours.send_signal(signal.SIGINT)
                try:
                    ended = lines.get(timeout=LONGEST_S)
                except queue.Empty:
                    yield f"the stop {number + 1} hangs"
                    break
                frames = [part for part in OURS if part in ended]
                if not ended.startswith("stopped []"):
                    yield f"after the stop: {ended}{drained(lines)}"
                    break
                elif frames:
                    yield f"it shows {frames}: {ended}"
                else:
                    yield ""
            ours.kill()


def stop_cells(stops: int, order: random.Random) -> Iterator[str]:
    """The same for cells of a kernel."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        run(client, SET_UP, lambda: None, 60)
        for number in range(stops):
            name, cell = list(CELLS.items())[number % len(CELLS)]
            timer = threading.Timer(order.random() * order.choice((0.3, 2.0)), manager.interrupt_kernel)
            seen = run(client, cell, timer.start, LONGEST_S + 2.0)
            timer.join()
            if seen is None:
                yield f"{name}: the stop hangs"
                return
            error, text = seen
            frames = [part for part in OURS if part in text]
            if error not in ("KeyboardInterrupt", "CancelledError"):
                yield f"{name}: {error}: {text}"
            elif frames:
                yield f"{name}: it shows {frames}: {text}"
            else:
                yield ""
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: Any, cell: str, begin: Any, longest_s: float) -> tuple[str, str] | None:
    """The error of a cell and all that it shows of it; None where it does not end in time."""
    sent = client.execute(cell)
    error, text = "", []
    end = time.monotonic() + longest_s
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=end - time.monotonic())
        except queue.Empty:
            return None
        if message["parent_header"].get("msg_id") != sent:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "busy":
            begin()
        elif kind == "status" and content["execution_state"] == "idle":
            return error, "\n".join(text)
        elif kind == "error":
            error = content["ename"]
            text += content["traceback"]
        elif kind == "stream":
            text.append(content["text"])
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=STOPS, help="in each executor, and in the kernel")
    parser.add_argument("--only", choices=(*EXECUTORS, "kernel"), help="one executor, or the kernel")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets its background jobs, and what they start, ignore it
    print(f"seed {options.seed}")
    order, missed = random.Random(options.seed), 0
    for place in (*EXECUTORS, "kernel") if options.only is None else (options.only,):
        found = stop_cells(options.stops, order) if place == "kernel" else stop_fan_outs(place, options.stops, order)
        wrong = list(found)
        failed = [text for text in wrong if text]
        missed += bool(failed) or len(wrong) < options.stops
        print(f"{place}: {len(wrong) - len(failed)} of {options.stops} stops as they should be", *failed[:3], sep="\n  ")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
