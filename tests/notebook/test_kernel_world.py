"""What a real kernel holds counts in a measurement, and its errors say what the measuring process has not."""

from __future__ import annotations

from typing import Any

import pytest

SETUP = """
%load_ext pocket_lab
import contextvars, decimal, os, random, sys, pocket_lab
import beside_kernel
request = contextvars.ContextVar("request", default="none")

def helper(n):
    return 2 * n

def where(n):
    raise LookupError(f"{os.path.basename(os.getcwd())} {os.environ.get('OWN')} {decimal.getcontext().prec} {request.get()}")
"""


@pytest.fixture(scope="module", autouse=True)
def _cells(notebook: Any) -> None:
    (notebook.folder / "elsewhere").mkdir()
    (notebook.folder / "beside_kernel.py").write_text("def triple(n):\n    return 3 * n\n")
    assert notebook.run(SETUP).error is None


def test_a_magic_that_changes_folder_and_environment_and_the_context_of_the_cell_count(notebook: Any) -> None:
    notebook.run("%cd elsewhere\n%env OWN=yes\ndecimal.getcontext().prec = 50\nrequest.set('mine')")
    cell = notebook.run("decimal.getcontext().prec = 50\nrequest.set('mine')\n%pocket_bench where --sizes 1 --budget 1s")
    assert "LookupError: elsewhere yes 50 mine" in cell.text
    assert cell.error.ename == "LookupError"
    cell = notebook.run("r = %pocket_bench beside_kernel.triple --sizes 1 --budget 0.3s")
    assert cell.error is None, "a module from the folder of before"


def test_an_edited_module_is_named_with_what_to_do(notebook: Any) -> None:
    (notebook.folder / "beside_kernel.py").write_text("def triple(n):\n    return n + n + n\n")
    cell = notebook.run("r = %pocket_bench beside_kernel.triple --sizes 1 --budget 0.3s")
    assert "imported beside_kernel from its file, and triple is not that of the calling process" in cell.text
    assert 'reload beside_kernel if its file was edited, or measure in place with isolation="kernel"' in cell.text
    notebook.run("import importlib; importlib.reload(beside_kernel)")
    cell = notebook.run("r = %pocket_bench beside_kernel.triple --sizes 1 --budget 0.3s")
    assert "beside_kernel" not in cell.text.replace("beside_kernel.triple", "")


@pytest.mark.parametrize(
    ("body", "error", "part"),
    [
        ("display(n)", "NameError", "from IPython.display import display"),
        ("import __main__; __main__.request", "AttributeError", "request is in the main module"),
        ("eval('helper(n)')", "NameError", "helper is in the main module"),
        ("from IPython import get_ipython; get_ipython().run_line_magic('pwd', '')", "AttributeError", "get_ipython() is None"),
    ],
    ids=["display", "main", "eval", "shell"],
)
def test_what_the_measuring_process_has_not_is_said_under_the_users_error(
    notebook: Any, body: str, error: str, part: str
) -> None:
    cell = notebook.run(f"def target(n):\n    {body}\n%pocket_bench target --sizes 1 --budget 0.3s")
    assert cell.error.ename == error
    text = "\n".join(cell.error.traceback)
    assert part in text
    assert 'isolation="kernel"' in text
    assert "in target" in text
    assert part in cell.text


def test_a_magic_inside_the_target_is_one_sentence_with_the_way_out(notebook: Any) -> None:
    cell = notebook.run("def target(n):\n    %timeit -n1 -r1 n\n%pocket_bench target --sizes 1 --budget 0.3s")
    assert cell.error.ename == "UsageError"
    assert 'variable "get_ipython" cannot be sent' in cell.error.evalue
    assert 'isolation="kernel"' in cell.error.evalue


def test_a_pool_that_the_target_forks_finds_functions_of_the_notebook(notebook: Any) -> None:
    notebook.run(
        "import multiprocessing\ndef forks(n):\n    with multiprocessing.get_context('fork').Pool(1) as pool:\n"
        "        return pool.map(helper, [n])"
    )
    assert notebook.run("r = %pocket_bench forks --sizes 1 --budget 0.5s").error is None


def test_lines_in_place_beside_the_running_loop_of_the_kernel_count_every_hit(notebook: Any) -> None:
    """Plain nodes run beside the kernel's loop, async ones on a loop of their own; a task of the notebook's own goes on."""
    nodes = """
import asyncio
from pocket_lab import Graph, Node, lines
def add_up(n):
    total = 0
    for i in range(n):
        total += i
    return total
async def later(n):
    await asyncio.sleep(0.001)
    return add_up(n) + await asyncio.to_thread(add_up, n)
async def background():
    while True:
        await Graph(Node("later", exec=later)).arun(3)
going = asyncio.create_task(background())
await asyncio.sleep(0.05)
"""
    assert notebook.run(nodes).error is None
    hits = "r.frame.groupby('node')['hits'].sum().to_dict()"
    plain = notebook.run(f"r = lines(add_up, size=100, isolation='kernel'); print({hits})")
    assert plain.text.strip() == "{'add_up': 203}"
    graph = "Graph(Node('add_up', exec=lambda n: add_up(100) * 0 + n) >> Node('later', exec=later))"
    mixed = notebook.run(f"r = lines({graph}, size=100, isolation='kernel', also=add_up); print({hits}); _ = going.cancel()")
    assert mixed.text.strip() == "{'add_up': 1, 'add_up()': 609, 'later': 2}", mixed.text
