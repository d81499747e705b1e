"""The magics in a real kernel: what a user sees, once, and what fails, in one line."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

import pytest

SETUP = """
%load_ext pocket_lab
import time, pocket_lab
from pocket_lab import Graph, fan_out, node

@node
def split(n):
    return list(range(n))

@node
def work(item):
    return sum(range(1000 + item))

graph = Graph(split >> fan_out(work), name="numbers")

def make_input(size):
    return size

def bad_input(size):
    raise LookupError("no data today")

@node
def boom(n):
    below = n - 10
    return 1 / below

docs = 25
"""

LEAVING = """
import threading
from pocket_lab import History

@node
def leave(n):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return n

leaving = Graph(leave, name="leaving")
"""


@pytest.fixture(scope="module", autouse=True)
def _cells(notebook: Any) -> None:
    (notebook.folder / "beside.py").write_text("def triple(n):\n    return 3 * n\n")
    assert notebook.run(SETUP).error is None


def test_assigned_a_bench_is_shown_once_and_is_a_result(notebook: Any) -> None:
    cell = notebook.run(
        "r = %pocket_bench graph --sizes 10,100 --workers 1,2 --executors threads,processes --input make_input --budget 1.5s"
    )
    assert cell.error is None
    (bundle,) = cell.shown
    assert "Bench of numbers" in bundle["text/plain"]
    assert "<svg" in bundle["text/html"]
    assert notebook.run("print(len(r.frame), sorted(set(r.frame.executor)))").text.strip() == "8 ['processes', 'threads']"
    (figure,) = notebook.run("r.plot()").shown
    assert figure["image/png"]


def test_not_assigned_it_is_shown_once_too_after_a_bar_that_ends_as_one_line_and_is_the_last_result(notebook: Any) -> None:
    cell = notebook.run("%pocket_bench graph --input docs --budget 0.3s")
    assert len(cell.shown) == 1
    first = cell.outputs[0]
    assert first.output_type == "display_data"
    assert first.data["text/plain"].startswith("1 point, ")
    assert "application/vnd.jupyter.widget-view+json" not in first.data
    assert notebook.run("print(_ is pocket_lab.last(), len(_.frame))").text.strip() == "True 1"


def test_a_result_is_shown_again_by_its_name_in_a_later_cell(notebook: Any) -> None:
    notebook.run("again = %pocket_bench boom --sizes 1 --budget 0.1s --isolation kernel")
    assert len(notebook.run("again").shown) == 1
    assert len(notebook.run("again\nagain").shown) == 1


def test_a_cell_body_is_measured_with_n_and_workers(notebook: Any) -> None:
    cell = notebook.run(
        "%%pocket_bench --sizes 10,1000 --workers 1,2 --budget 0.8s\n"
        'text = """a\n  b"""\nsorted(range(n))\nassert text == "a\\n  b"'
    )
    assert cell.error is None
    assert len(cell.shown) == 1
    assert "Bench of cell" in cell.text
    frame = notebook.run("f = _.frame; print(list(f['size']), list(f.workers), f.status.unique())").text
    assert "[10, 10, 1000, 1000] [1, 2, 1, 2]" in frame
    assert "failed" not in frame


def test_parameters_of_a_line_are_texts_or_variables_of_the_notebook(notebook: Any) -> None:
    assert notebook.run("def scaled(n, chunk=1, mode=''):\n    return sum(range(n * chunk))\nchunks = [1, 64]").error is None
    cell = notebook.run("p = %pocket_bench scaled --input docs --param chunk=chunks --param mode=fast,slow --budget 0.5s")
    assert cell.error is None
    assert "chunk" in cell.shown[0]["text/plain"]
    text = notebook.run("print(list(p.frame.chunk), list(p.frame['mode']))").text
    assert text.strip() == "[1, 1, 64, 64] ['fast', 'slow', 'fast', 'slow']"


def test_memory_and_lines_have_frames_and_one_picture_each(notebook: Any) -> None:
    cell = notebook.run("m = %pocket_memory graph --size 1000")
    assert "<svg" in cell.shown[0]["text/html"]
    assert len(cell.shown) == 1
    assert "peak_bytes" in notebook.run("m.frame").text
    cell = notebook.run("l = %pocket_lines graph --size 1000")
    assert 'class="heat"' in cell.shown[0]["text/html"]
    assert "return sum(range(1000 + item))" in cell.text
    hits = notebook.run("print(l.frame[l.frame.source.str.contains('sum')].hits.item())").text
    assert hits.strip() == "1000"


def test_a_trace_is_a_picture_of_spans_and_a_file_on_request(notebook: Any) -> None:
    cell = notebook.run("t = %pocket_trace graph --size 4 --workers 2 --executor threads --chrome t.json")
    assert "<svg" in cell.shown[0]["text/html"]
    assert len(cell.shown) == 1
    assert "Critical path: " in cell.text
    assert notebook.run("print(t.what_if('work', 1).gain, len(t.nodes) > 0)").text.strip() == "0.0 True"
    assert "'traceEvents'" in notebook.run("import json, os; print(list(json.load(open('t.json')))); os.remove('t.json')").text


def test_a_trace_that_leads_to_an_error_is_shown_before_it(notebook: Any) -> None:
    cell = notebook.run("%pocket_trace boom --size 10")
    assert "Trace of boom" in cell.text
    assert cell.error.ename == "NodeError"
    assert cell.error.traceback[-1] == "what was measured is pocket_lab.last()"
    assert "return 1 / below" in "\n".join(cell.error.traceback)


def test_lines_of_a_cell_that_was_run_again_show_the_new_source(notebook: Any) -> None:
    notebook.run("old = %pocket_lines boom --size 3")
    notebook.run("@node\ndef boom(n):\n    return 'the new source'\n")
    assert "the new source" in notebook.run("%pocket_lines boom --size 3").text
    assert "below = n - 10" in notebook.run("print(old)").text
    notebook.run(SETUP.replace("%load_ext pocket_lab\n", ""))


def test_a_target_that_imports_a_module_of_the_notebooks_folder_works(notebook: Any) -> None:
    cell = notebook.run("import beside\n%pocket_bench beside.triple --sizes 1 --budget 0.1s\nprint('went on')")
    assert cell.error is None
    assert "went on" in cell.text


def test_dataclasses_and_closures_of_cells_cross_to_process_workers(notebook: Any) -> None:
    notebook.run(
        "from dataclasses import dataclass\n@dataclass\nclass Box:\n    value: int\n"
        "factor = 3\n@node\ndef box(item): return Box(item * factor)\n"
        "@node\ndef unbox(boxes): return sum(b.value for b in boxes)\n"
        "boxes = Graph(split >> fan_out(box) >> unbox)"
    )
    assert notebook.run("print(boxes.map([4, 5], workers=2, executor='processes'))").text.strip() == "[18, 30]"
    assert notebook.run("%pocket_bench boxes --size 10 --executors processes --workers 2 --budget 0.3s").error is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%pocket_bench grahp --sizes 10", "no variable is named 'grahp' in this notebook; did you mean graph?"),
        ("%pocket_bench graph --input mak_input --sizes 1", "did you mean make_input?"),
        ("%pocket_bench", "give the graph, node or function to measure"),
        ("%pocket_bench graph --sizes 10,x", "sizes: 'x' is not a count"),
        ("%pocket_bench graph --sizes -1", "sizes: -1 is too small"),
        ("%pocket_bench graph --sizes", "expected one argument"),
        ("%pocket_bench graph --bogus 3", "unrecognized arguments: --bogus 3"),
        ("%pocket_bench graph --executors gpu", "'gpu' is not known; choose from serial, threads, processes"),
        ("%pocket_bench graph --name 'half", "has a quote or a backslash without its end (No closing quotation)"),
        ('%pocket_history "half', "%pocket_history has a quote"),
        ("%%pocket_bench --name 'half\npass", "has a quote"),
        ("%pocket_monitor 'half", "has a quote"),
        ("%%pocket_bench\n\0", "not valid Python"),
        ("%pocket_bench docs", "25 cannot be measured"),
        ("%pocket_bench graph --input docs --param chunk", "'chunk' is not a name with values"),
        ("%pocket_bench graph --input docs --param chunk=1,8", "nothing takes 'chunk'"),
        ("%pocket_memory graph --size 1 --keep no/such/folder/run.bin", "not a writable file path"),
        ("%%pocket_bench graph\npass", "measures its cell"),
        ("%%pocket_bench\nfor", "not valid Python"),
        ("%%pocket_bench\n# nothing", "no body"),
        ("%%pocket_bench\nyield 1", "it has a yield"),
        ("%%pocket_bench\nfrom math import *", "cannot be measured"),
        ('%pocket_bench {}["b"]', "has no value: KeyError"),
        ("%pocket_bench make_input", "requires an argument"),
        ("lock = __import__('threading').Lock()\n%pocket_bench lambda:lock.locked()", 'variable "lock" cannot be sent'),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_the_cell_fails(notebook: Any, line: str, words: str) -> None:
    cell = notebook.run(line)
    assert cell.error is not None
    assert cell.error.ename == "UsageError"
    assert words in cell.error.evalue
    assert len(cell.error.traceback) == 1
    assert not cell.shown


def test_of_a_stored_line_only_names_are_used_and_the_rest_is_given_again(notebook: Any) -> None:
    lam = "--input 'lambda size: size + 1'"
    for name, more in (("named", "-i make_input"), ("computed", lam)):
        assert notebook.run(f"%pocket_bench graph --sizes 10 {more} --budget 0.1s --no-references --name {name}").error is None
    assert notebook.run("%pocket_bench --resume named --budget 0.1s").error is None
    error = notebook.run("%pocket_bench --resume computed").error
    assert error.ename == "UsageError"
    assert "\"computed\" was stored with the input 'lambda size: size + 1'" in error.evalue
    assert "give the input again" in error.evalue
    assert notebook.run(f"%pocket_bench --resume computed {lam} --budget 0.1s").error is None


def test_an_exception_in_a_node_keeps_its_own_traceback_after_the_result_is_shown(notebook: Any) -> None:
    cell = notebook.run("broken = %pocket_bench boom --sizes 5,10 --budget 0.2s\nprint('not reached')")
    assert len(cell.shown) == 1
    assert cell.error.traceback[-1] == "what was measured is pocket_lab.last()"
    assert notebook.run("print('broken' in globals(), list(pocket_lab.last().frame['size']))").text == "False [5, 10]\n"
    assert "failed" in cell.text
    assert "not reached" not in cell.text
    assert cell.error.ename == "NodeError"
    text = "\n".join(cell.error.traceback)
    assert "return 1 / below" in text
    assert "ZeroDivisionError: division by zero" in text
    assert "pocket_lab" not in text.removesuffix("pocket_lab.last()")
    assert "site-packages" not in text


@pytest.mark.parametrize("isolation", ["process", "kernel"])
def test_an_input_that_fails_shows_the_users_own_error(notebook: Any, isolation: str) -> None:
    cell = notebook.run(f"%pocket_bench graph --sizes 10 --input bad_input --isolation {isolation}")
    assert (cell.error.ename, cell.error.evalue) == ("LookupError", "no data today")
    text = "\n".join(cell.error.traceback)
    assert 'raise LookupError("no data today")' in text
    assert "run_line_magic" not in text


def test_a_profile_of_a_target_that_fails_shows_the_users_own_error(notebook: Any) -> None:
    for magic in ("pocket_lines", "pocket_memory"):
        cell = notebook.run(f"%{magic} boom --size 10")
        assert cell.error.ename == "NodeError"
        assert "return 1 / below" in "\n".join(cell.error.traceback)
        assert not cell.shown
        assert "last()" not in "\n".join(cell.error.traceback), "nothing was kept"
        cell = notebook.run(f"%{magic} boom --sizes 5,10")
        assert len(cell.shown) == 1
        assert cell.error.traceback[-1] == "what was measured is pocket_lab.last()"


class Stop:
    """Presses Stop when the function `noting` of the notebook was called often enough, as then its measurement runs.

    `pressed_s` is the time of that; leaving the context waits for it.
    """

    def __init__(self, notebook: Any, after_calls: int, then: str = "time.sleep(0.01)") -> None:
        self._interrupt, self._calls = notebook.interrupt, after_calls
        self._file = Path(notebook.folder).parent / "calls"
        self._file.write_text("")
        body = f"    with open({str(self._file)!r}, 'a') as file:\n        file.write('.')\n    {then}"
        notebook.run(f"import time\ndef noting(size):\n{body}")
        self._thread = threading.Thread(target=self._press)
        self.pressed_s = math.inf

    def _press(self) -> None:
        end = time.monotonic() + 30
        while self._file.stat().st_size < self._calls and time.monotonic() < end:
            time.sleep(0.01)
        self.pressed_s = time.monotonic()
        self._interrupt()

    def __enter__(self) -> Stop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


@pytest.mark.timing
def test_stop_shows_and_keeps_what_was_measured_and_fails_the_cell(notebook: Any) -> None:
    with Stop(notebook, after_calls=30) as stop:
        cell = notebook.run("%pocket_bench noting --sizes 1,2 --budget 60s --precision 0.0001%")
    assert 0 < time.monotonic() - stop.pressed_s < 4
    assert cell.error.ename == "KeyboardInterrupt"
    assert cell.error.traceback == ["KeyboardInterrupt: stopped; what was measured until then is pocket_lab.last()"]
    (bundle,) = cell.shown
    assert "cancelled" in bundle["text/plain"]
    assert notebook.run("print(list(pocket_lab.last().frame.status))").text.strip() == "['cancelled', 'cancelled']"
    assert notebook.run("1 + 1").error is None


@pytest.mark.timing
def test_a_stopped_profile_keeps_nothing_and_shows_nothing_else(notebook: Any) -> None:
    notebook.run("%pocket_bench graph --input docs --budget 0.1s --isolation kernel\nbefore = pocket_lab.last()")
    with Stop(notebook, after_calls=1, then="time.sleep(60)"):
        cell = notebook.run("%pocket_memory noting --input 60")
    assert cell.error.traceback == ["KeyboardInterrupt: stopped before anything was measured"]
    assert not cell.shown
    assert notebook.run("print(pocket_lab.last() is before)").text.strip() == "True"


def test_an_input_may_be_any_expression(notebook: Any) -> None:
    cell = notebook.run('r = %pocket_bench graph --sizes 3 --input "lambda size: sum(k for k in range(size))" --budget 0.1s')
    assert cell.error is None
    assert notebook.run("print(r.frame.status.item() != 'failed')").text.strip() == "True"


def test_a_comparison_is_shown_once_with_its_verdict_and_is_a_result(notebook: Any) -> None:
    notebook.run("def quick(n): return sum(range(2000))\ndef slow(n): return sum(range(4000))")
    cell = notebook.run("c = %pocket_compare quick slow --size 1 --budget 3s")
    assert cell.error is None
    (bundle,) = cell.shown
    assert "slow is slower: " in bundle["text/plain"]
    assert " → " in bundle["text/plain"].split("slow is slower: ")[1].splitlines()[0], "both times"
    assert "<svg" in bundle["text/html"]
    assert notebook.run("print(c.verdict, c is pocket_lab.last(), len(c.frame))").text.strip() == "slower True 1"
    (figure,) = notebook.run("c.plot()").shown
    assert figure["image/png"]


def test_graphs_and_variants_of_cells_are_compared(notebook: Any) -> None:
    notebook.run("from pocket_lab.lab.compare import Variant\nfour = Variant(graph, workers=4, executor='processes')")
    cell = notebook.run("%pocket_compare graph four --sizes 10,20 --workers 2 --executors threads --budget 0.8s")
    assert cell.error is None
    assert "2 of 2 pairs" in cell.text or "pairs: " in cell.text
    assert "2 | 4" in cell.text


def test_two_results_of_earlier_cells_are_compared(notebook: Any) -> None:
    for name in ("before", "after"):
        assert notebook.run(f"{name} = %pocket_bench graph --sizes 10 --budget 0.3s --isolation kernel").error is None
    cell = notebook.run("%pocket_compare before after")
    assert len(cell.shown) == 1
    assert "not measured together" in cell.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%pocket_compare graph", "the following arguments are required: b"),
        ("%pocket_compare graph grahp", "did you mean graph?"),
        ("%pocket_compare graph graph --size 1 --margin 0", "margin='0' is not between 0 and 1"),
        ("%pocket_compare graph docs --size 1", "25 cannot be measured"),
        ("%pocket_compare graph graph --sizes ten", "'ten' is not a count"),
        ("%pocket_compare graph graph --bogus", "unrecognized arguments: --bogus"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_the_cell_fails(notebook: Any, line: str, words: str) -> None:
    cell = notebook.run(line)
    assert cell.error is not None
    assert cell.error.ename == "UsageError"
    assert words in cell.error.evalue
    assert len(cell.error.traceback) == 1
    assert not cell.shown


def test_a_side_that_fails_shows_the_users_own_error_after_the_result(notebook: Any) -> None:
    cell = notebook.run("%pocket_compare graph boom --sizes 5,10 --budget 0.4s\nprint('not reached')")
    assert len(cell.shown) == 1
    assert cell.error.ename == "NodeError"
    assert "return 1 / below" in "\n".join(cell.error.traceback)
    assert "not reached" not in cell.text


@pytest.mark.timing
def test_a_stopped_comparison_shows_what_was_measured(notebook: Any) -> None:
    with Stop(notebook, after_calls=100, then="time.sleep(0.002)"):
        cell = notebook.run("%pocket_compare noting noting --size 1 --budget 60s --margin 0.0001%")
    assert cell.error.ename == "KeyboardInterrupt"
    (bundle,) = cell.shown
    assert "cancelled" in bundle["text/plain"]


def test_leaks_of_a_cell_are_shown_once_placed_and_kept_in_the_history(notebook: Any) -> None:
    assert notebook.run(LEAVING).error is None
    cell = notebook.run("r = %pocket_leaks leaving --size 1 --runs 6")
    assert cell.error is None
    (bundle,) = cell.shown
    assert "Leaks 1 daemon thread a run" in bundle["text/plain"]
    assert 'made in node "leave"' in bundle["text/plain"]
    assert "<svg" in bundle["text/html"]
    assert notebook.run("print(r.ok, r.runs, len(r.left))").text.strip() == "False 6 6"
    assert notebook.run("print(History().load('leaving').frame.equals(r.frame))").text.strip() == "True"


def test_in_the_kernel_its_own_threads_are_no_leak(notebook: Any) -> None:
    cell = notebook.run("%pocket_leaks len --input [1] --runs 6 --isolation kernel")
    assert cell.error is None
    assert "Leaks" not in cell.shown[0]["text/plain"].split("runs", 1)[1]
    assert "inside this process" in cell.shown[0]["text/plain"]


def test_nothing_is_written_into_the_notebooks_folder(notebook: Any) -> None:
    assert {path.name for path in Path(notebook.folder).iterdir()} <= {"beside.py", "__pycache__"}


def test_unloaded_the_magics_are_gone_and_results_still_show(notebook: Any) -> None:
    notebook.run("%unload_ext pocket_lab")
    assert "not found" in notebook.run("%pocket_bench graph").text
    assert "Bench of" in notebook.run("pocket_lab.bench(lambda: None, budget=0.1, isolation='kernel')").shown[0]["text/plain"]
    notebook.run("%reload_ext pocket_lab")
    assert len(notebook.run("%pocket_bench graph --input docs --budget 0.1s --isolation kernel").shown) == 1
