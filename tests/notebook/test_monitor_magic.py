"""%pocket_monitor in a real kernel: what it shows, what it leaves, and that it ends."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

SETUP = """
%load_ext pocket_lab
import threading, gc
from ipywidgets.widgets.widget import _instances
from pocket_lab import Graph, Monitor, node

@node
def double(n):
    return 2 * n

@node
def boom(n):
    return 1 / (n - 10)

graph = Graph(double >> boom, name="numbers")
plain = graph
number = 5

def live():
    return sum(thread.name == "pocket-lab-live" for thread in threading.enumerate())
"""


@pytest.fixture(scope="module", autouse=True)
def _cells(notebook: Any) -> None:
    assert notebook.run(SETUP).error is None


def say(notebook: Any, expression: str) -> str:
    cell = notebook.run(f"print({expression})")
    assert cell.error is None
    return str(cell.text).strip()


def widget_table(notebook: Any) -> str:
    """What the widget shows now."""
    return say(notebook, "[w.value for w in _instances.values() if type(w).__name__ == 'HTML'][-1]")


def test_the_named_graph_is_watched_shown_once_and_live_in_later_cells(notebook: Any) -> None:
    cell = notebook.run("m = %pocket_monitor graph --every 0.1s")
    assert cell.error is None
    (bundle,) = cell.shown
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<table" in bundle["text/html"]
    assert "throughput over 60 s" in bundle["text/plain"]
    assert say(notebook, "live(), graph is plain, graph.store is plain.store") == "1 False True"
    notebook.run("for n in range(3): graph.run(1)")
    notebook.run("try: graph.run(5)\nexcept Exception: pass")
    assert say(notebook, "m.frame.set_index('node')[['executions', 'errors']].values.tolist()") == "[[4, 0], [4, 1]]"
    end = time.monotonic() + 10
    while "Monitor: 8 visits" not in (shown := widget_table(notebook)) and time.monotonic() < end:
        time.sleep(0.1)
    assert "Monitor: 8 visits" in shown


def test_not_assigned_it_is_shown_once_too_and_only_the_newest_view_is_live(notebook: Any) -> None:
    cell = notebook.run("%pocket_monitor graph --every 0.1s")
    views = [bundle for bundle in cell.shown if "application/vnd.jupyter.widget-view+json" in bundle]
    assert len(views) == 1
    assert say(notebook, "live(), _ is m") == "1 True"


def test_stop_puts_the_old_graph_back_and_leaves_neither_thread_nor_widget(notebook: Any) -> None:
    assert notebook.run("%pocket_monitor graph --stop").error is None
    time.sleep(0.3)
    assert say(notebook, "live(), graph is plain") == "0 True"
    assert say(notebook, "[type(w).__name__ for w in _instances.values()].count('Button')") == "0"
    assert say(notebook, "int(m.frame.executions.sum())") == "8"


def test_a_monitor_of_ones_own_is_live_and_ends_with_it(notebook: Any) -> None:
    notebook.run("own = Monitor(window='10s')\nseen = own.watch(graph)\nseen.run(1)")
    cell = notebook.run("%pocket_monitor own --every 0.1s\nNone")
    assert re.search(r"throughput over [\d.]+ m?s, since the monitor began", cell.shown[0]["text/plain"])
    assert say(notebook, "live()") == "1"
    notebook.run("graph")  # the newest thing shown is remembered, to be shown once
    notebook.run("%pocket_history --tag x\nNone")
    notebook.run("m")
    notebook.run("del own, seen\n%reset -f out\ngc.collect()")
    time.sleep(0.3)
    assert say(notebook, "live()") == "0"


def test_a_monitor_shows_itself_still_by_its_name(notebook: Any) -> None:
    (bundle,) = notebook.run("m").shown
    assert "<svg" in bundle["text/html"]
    assert "widget" not in "".join(bundle)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%pocket_monitor grap", "did you mean graph"),
        ("%pocket_monitor number", "give a Graph or a Node"),
        ("%pocket_monitor Graph(double)", "give the graph a name"),
        ("%pocket_monitor graph --stop", "nothing to stop"),
        ("%pocket_monitor m --window 1m", "window of its own"),
        ("%pocket_monitor graph --window 0", "window"),
        ("%pocket_monitor graph --every soon", "duration"),
        ("%pocket_monitor", "lists the options"),
    ],
)
def test_bad_input_is_one_sentence(notebook: Any, line: str, words: str) -> None:
    error = notebook.run(line).error
    assert error.ename == "UsageError"
    assert words in error.evalue
    assert len(error.traceback) == 1
    assert say(notebook, "graph is plain") == "True"
