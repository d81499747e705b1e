"""10,000 damaged history files: each is a sentence or none, no pickle is loaded, nothing runs, nothing hangs.

python tests/benchmarks/damage.py [--files 10000] [--first 0] [--seconds 20]

The files are those of tests/history/damaged.py: bytes flipped (one kind only in the schema), truncated, pages moved into
circles, rows of wrong types, fields of wrong types, foreign and forged schemas, planted pickles. With each, a run is recorded,
the history is listed, every run is loaded, one is shown, two are resumed and one is deleted. Exits with 1 where a bar is
missed.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "history"))

from damaged import DAMAGES, is_sentence, make_history, use, watch_pickles


def work(first: int, last: int, folder: Path) -> None:
    """Use the files of these numbers, each with a line on standard output when it begins and one for what it did."""
    mark = folder / "mark"
    os.environ["DAMAGE_MARK"] = str(mark)
    whole = folder / "whole.db"
    if not whole.exists():
        make_history(whole)
    pickles = watch_pickles()
    for number in range(first, last):
        damage = DAMAGES[number % len(DAMAGES)]
        print("begin", number, damage.__name__, flush=True)
        home = folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        path = home / "history.db"
        shutil.copy(whole, path)
        noise = random.Random(number)
        damage(path, noise)
        pickles.clear()
        try:
            texts = list(use(home, noise))
        except BaseException:
            end = traceback.format_exc().strip().splitlines()
            print("wrong", number, damage.__name__, " | ".join([*end[-7:-1], end[-1]])[-700:], flush=True)
            continue
        for text in texts:
            if not is_sentence(text):
                print("wrong", number, damage.__name__, f"no sentence: {text[:700]!r}", flush=True)
        if mark.exists() or pickles:
            print("ran", number, damage.__name__, pickles[:3], flush=True)
            mark.unlink(missing_ok=True)
        print("said" if texts else "silent", number, damage.__name__, flush=True)


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0, help="the longest time of one file")
    parser.add_argument("--part", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part is not None:
        work(*options.part, options.folder)
        return 0
    counts: Counter[tuple[str, str]] = Counter()
    start = time.monotonic()
    slowest = (0.0, -1)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # so that no file waits for the disk
    with tempfile.TemporaryDirectory(prefix="pocket-lab-", dir=memory) as name:
        number, last = options.first, options.first + options.files
        while number < last:
            number, slow = _watched(number, last, Path(name), options.seconds, counts)
            slowest = max(slowest, slow)
    print(f"{'damage':<16}{'files':>8}{'with a sentence':>18}{'wrong':>8}{'ran code':>10}{'hang or crash':>16}")
    for damage in (damage.__name__ for damage in DAMAGES):
        row = [counts[kind, damage] for kind in ("begin", "said", "wrong", "ran", "lost")]
        print(f"{damage:<16}{row[0]:>8}{row[1]:>18}{row[2]:>8}{row[3]:>10}{row[4]:>16}")
    missed = sum(count for (kind, _), count in counts.items() if kind in ("wrong", "ran", "lost"))
    print(f"{options.files} files in {time.monotonic() - start:.0f} s, the slowest {slowest[0]:.1f} s (number {slowest[1]})")
    print("met" if not missed else f"MISSED: {missed}")
    return 1 if missed else 0


def _watched(
    first: int, last: int, folder: Path, longest_s: float, counts: Counter[tuple[str, str]]
) -> tuple[int, tuple[float, int]]:
    """Let a process use the files until it is done, dies or hangs; the number to go on with, and the slowest file."""
    command = [sys.executable, __file__, "--part", str(first), str(last), "--folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    pipe, rest = process.stdout.fileno(), b""
    number, damage, slowest, since = first, DAMAGES[first % len(DAMAGES)].__name__, (0.0, -1), time.monotonic()
    try:
        while select.select([pipe], [], [], longest_s)[0]:
            if not (data := os.read(pipe, 65536)):
                if process.wait() == 0:
                    return last, slowest
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in (line.decode() for line in lines):
                kind, text, damage, *_ = line.split(" ", 3)
                counts[kind, damage] += 1
                if kind in ("wrong", "ran"):
                    print(line, flush=True)
                if kind == "begin":
                    slowest = max(slowest, (time.monotonic() - since, number)) if int(text) > first else slowest
                    number, since = int(text), time.monotonic()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    counts["lost", damage] += 1
    print("hang or crash", number, damage, process.returncode, flush=True)
    return number + 1, slowest


if __name__ == "__main__":
    sys.exit(main())
