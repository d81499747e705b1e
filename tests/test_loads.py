"""Where data becomes code: each call in the package that can do it, with the reason why no file reaches it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent / "pocket_lab"
LOADERS = {"loads", "load", "Unpickler", "read_pickle"}
BUILTINS = {"eval", "exec", "__import__"}
OURS = {"load", "loads"}  # also the names of functions of our own: only those of these modules count
PICKLES = {"pickle", "cloudpickle", "marshal", "shelve", "joblib", "dill", "np", "numpy", "torch"}
ALLOWED = {
    "executors/cluster/pool.py": {"pickle.loads": "answers of the workers of a cluster, over their connection"},
    "executors/cluster/worker.py": {"pickle.loads": "a function, from the process that uses the cluster"},
    "executors/faults/parcels.py": {
        "pickle.Unpickler": "the writes and the result of an item, from a worker of this pool",
        "pickle.loads": "an item, from the parent of the worker, or a result, from a worker of this pool",
    },
    "executors/outcome.py": {"cloudpickle.loads": "an error that another process of this measurement has just sent"},
    "executors/process_worker.py": {
        "cloudpickle.loads": "a function, or items, from the parent of the worker",
        "pickle.load": "the context of a call, from the parent of the worker",
        "pickle.Unpickler": "a function, from the parent of the worker",
        "pickle.loads": "a result, from a worker of this pool",
    },
    "executors/world/caller.py": {"pickle.loads": "values of context variables, from the parent of this process"},
    "executors/world/modules.py": {"pickle.loads": "attributes of a module made by hand, from the parent of this process"},
    "executors/world/options.py": {"pickle.loads": "options of libraries, from the parent of this process"},
    "measure/paired/pair.py": {"pickle.loads": "an input that this process pickled"},
    "measure/timing/rebuild.py": {"pickle.Unpickler": "a target that this process pickled"},
    "measure/worker/payload.py": {
        "pickle.load": "the world of the parent, over a pipe",
        "pickle.Unpickler": "the job, from the parent over a pipe",
    },
    "profile/memory/held/residency.py": {"np.load": "arrays that a Tracker has written, never with pickles"},
    "notebook/expressions.py": {"eval": "what the user typed; of a stored line only names", "exec": "the user's cell"},
}


def loaders(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in LOADERS:
            owner = node.value.id if isinstance(node.value, ast.Name) else "?"
            if node.attr not in OURS or owner in PICKLES:
                yield f"{owner}.{node.attr}"
        elif isinstance(node, ast.Name) and node.id in (LOADERS - OURS) | BUILTINS and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLES:
            for name in node.names:
                if name.name in LOADERS:
                    yield f"{node.module}.{name.name}"


@cache
def found() -> dict[str, set[str]]:
    calls = {str(path.relative_to(ROOT)): set(loaders(ast.parse(path.read_text()))) for path in ROOT.rglob("*.py")}
    return {path: names for path, names in calls.items() if names}


def test_every_call_that_makes_code_of_data_is_known_with_its_reason() -> None:
    assert found() == {path: set(names) for path, names in ALLOWED.items()}


def test_the_rooms_that_read_files_have_no_such_call_and_import_nothing_by_a_name_that_is_data() -> None:
    rooms = ("history", "records", "frames", "analysis", "view", "sharing")
    assert not {path.split("/")[0] for path in found()} & {*rooms}
    for room in rooms:
        assert not [path for path in (ROOT / room).rglob("*.py") if "import_module" in path.read_text()]


def test_the_search_finds_what_it_is_for() -> None:
    source = "import pickle\nfrom cloudpickle import loads\npickle.load(f)\nnp.load(x)\neval(y)\njson.loads(z)\nverb.load()"
    assert set(loaders(ast.parse(source))) == {"cloudpickle.loads", "pickle.load", "np.load", "eval"}
