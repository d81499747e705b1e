"""A measuring process finds what the calling one has, and its worker processes too."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPT = """
import concurrent.futures, contextvars, decimal, json, logging, multiprocessing, os, sys, types, warnings
import numpy as np
import pocket_lab

settings = types.ModuleType("settings_of_mine")
exec("MB = 5", vars(settings))
sys.modules["settings_of_mine"] = settings
request = contextvars.ContextVar("request")

class OwnWarning(UserWarning):
    pass

def helper(n):
    return 2 * n

def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)

def seen(n):
    import settings_of_mine
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        depth = threads.submit(deep, 3000).result()
    with multiprocessing.get_context("fork").Pool(1) as forked:
        helped = forked.map(helper, [21])
    return {
        "environment": os.environ.get("OWN_OF_TESTS"),
        "folder": os.getcwd(),
        "limits": [sys.getrecursionlimit(), sys.get_int_max_str_digits()],
        "decimal": decimal.getcontext().prec,
        "level": logging.getLogger("own.logger").level,
        "filter": [warnings.filters[0][0], warnings.filters[0][2] is OwnWarning],
        "numpy": np.geterr()["divide"],
        "start": multiprocessing.get_start_method(),
        "made": [settings.MB, settings_of_mine.MB],
        "variable": request.get(),
        "of the main module": [helped, sys.modules["__main__"].helper is helper],
        "depth in a thread": depth,
    }

def report(n):
    raise LookupError(json.dumps(seen(n)))

if __name__ == "__main__":
    os.environ["OWN_OF_TESTS"] = "yes"
    os.chdir(sys.argv[1])
    sys.setrecursionlimit(4321)
    sys.set_int_max_str_digits(5000)
    decimal.getcontext().prec = 50
    warnings.simplefilter("error", OwnWarning)
    logging.getLogger("own.logger").setLevel(5)
    np.seterr(divide="raise")
    multiprocessing.set_start_method("spawn")
    request.set("mine")
    found = [seen(0)]
    for options in ({}, {"drive": "map", "executor": "processes"}):
        found += [pocket_lab.bench(report, size=1, budget="20s", **options).failures]
    print(json.dumps(found))
"""


def test_settings_context_and_modules_made_by_hand_are_in_the_process_and_in_its_workers(tmp_path: Path) -> None:
    script, inner = tmp_path / "script.py", tmp_path / "inner"
    script.write_text(SCRIPT)
    inner.mkdir()
    done = subprocess.run([sys.executable, str(script), str(inner)], capture_output=True, text=True, check=True)
    here, *failures = json.loads(done.stdout)
    assert (here["folder"], here["made"], here["depth in a thread"]) == (str(inner), [5, 5], 3000)
    for (failure,) in failures:
        assert json.loads(failure.partition("LookupError: ")[2]) == here


def test_options_of_the_interpreter_are_those_of_the_calling_one() -> None:
    source = """
        import sys
        from pocket_lab.measure.planning import plan_job
        from pocket_lab.measure.sweep import Sweep
        from pocket_lab.measure.worker.process import stream
        from pocket_lab.records.caveat import Caveat

        def task(job):
            yield Caveat("seen", f"{__debug__} {sys.flags.optimize} {sys.flags.utf8_mode}")

        def target(n):
            pass

        for record in stream(task, plan_job(target, 1, Sweep())):
            print(getattr(record, "message", ""), end="")
    """
    command = [sys.executable, "-OO", "-X", "utf8", "-c", textwrap.dedent(source)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False 2 1"


def test_modules_from_a_folder_that_is_no_more_on_the_path_are_found(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "inner").mkdir()
    for name, text in {
        "beside": "import besides\ndef f(n):\n    return besides.f(n)\n",
        "besides": "def f(n):\n    return n\n",
        "another": "def g(n):\n    return n\n",
        "package/__init__": "",
        "package/inner": "def h(n):\n    from package import later\n    return later.f(n)\n",
        "package/later": "def f(n):\n    return n\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    source = """
        import importlib.util, os, sys
        sys.path.insert(0, "")
        import beside, package.inner, pocket_lab
        from pocket_lab import Graph, Node
        spec = importlib.util.spec_from_file_location("renamed", "another.py")
        renamed = sys.modules["renamed"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(renamed)
        os.chdir("inner")
        nodes = [Node(f.__name__, exec=f) for f in (beside.f, package.inner.h, renamed.g)]
        graph = Graph(nodes[0] >> nodes[1] >> nodes[2])
        for options in ({}, {"drive": "map", "executor": "processes"}):
            result = pocket_lab.bench(graph, size=1, budget="1s", **options)
            print(result.failures, len(result.samples))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    failures, counts = zip(*(line.split("] ") for line in done.stdout.splitlines()), strict=True)
    assert failures == ("[", "[")
    assert all(int(count) > 0 for count in counts)
