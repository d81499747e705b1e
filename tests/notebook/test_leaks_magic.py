"""%pocket_leaks in a real kernel, on cells."""

from __future__ import annotations

from typing import Any

SETUP = """
%load_ext pocket_lab
import threading, time
from pocket_lab import Graph, History, node

@node
def leave(n):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return n

graph = Graph(leave, name="leaving")
"""


def test_leaks_of_a_cell_are_shown_once_placed_and_kept_in_the_history(notebook: Any) -> None:
    assert notebook.run(SETUP).error is None
    cell = notebook.run("r = %pocket_leaks graph --size 1 --runs 6")
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
