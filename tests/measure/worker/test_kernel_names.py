"""An error that comes from the other process says so in a note; the user's error and its frames stay what they are."""

from __future__ import annotations

import pytest

from pocket_lab.errors import NodeError
from pocket_lab.executors.outcome import pack_error, text_of, unpack_error
from pocket_lab.executors.worker_state import STATE
from pocket_lab.measure.worker.kernel_names import KernelNames, explained

NAMES = KernelNames(frozenset({"table", "Row"}), frozenset({"display", "get_ipython", "tqdm"}), frozenset({"helpers"}))


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (NameError("name 'display' is not defined"), "from IPython.display import display"),
        (NameError("name 'get_ipython' is not defined"), "does not run IPython"),
        (NameError("name 'tqdm' is not defined"), "tqdm was added to the builtins"),
        (NameError("name 'table' is not defined"), "table is in the main module"),
        (AttributeError("module '__main__' has no attribute 'table'"), "pass it as an argument"),
        (AttributeError("Can't get attribute 'Row' on <module '__main__' (built-in)>"), "Row is in the main module"),
        (AttributeError("'NoneType' object has no attribute 'run_line_magic'"), "get_ipython() is None"),
        (AttributeError("module 'helpers' has no attribute 'new'"), "imported helpers from its file"),
        (ImportError("cannot import name 'new' from 'helpers' (/x/helpers.py)"), "imported helpers from its file"),
        (ModuleNotFoundError("No module named 'helpers.sub'"), "helpers.sub is loaded in the calling process"),
        (EOFError("EOF when reading a line"), "no keyboard"),
    ],
    ids=str,
)
def test_what_the_kernel_has_is_explained(error: Exception, part: str) -> None:
    hint = NAMES.hint(error)
    assert hint is not None
    assert part in hint
    assert 'isolation="kernel"' in hint


@pytest.mark.parametrize(
    "error",
    [
        NameError("name 'nowhere' is not defined"),
        AttributeError("module '__main__' has no attribute 'nowhere'"),
        AttributeError("module 'other' has no attribute 'new'"),
        AttributeError("'NoneType' object has no attribute 'strip'"),
        ModuleNotFoundError("No module named 'other'"),
        KeyError("table"),
        EOFError("Ran out of input"),
        ValueError("name 'display' is not defined"),
    ],
    ids=str,
)
def test_what_it_has_not_is_not(error: Exception) -> None:
    assert NAMES.hint(error) is None


def test_a_note_is_in_the_text_and_survives_the_pipe_once_and_in_the_kernel_nothing_is_added() -> None:
    cause = NameError("name 'display' is not defined")
    error = NodeError("show", "exec", None, text_of(cause))
    error.__cause__ = cause
    assert text_of(explained(error)) == text_of(error)
    assert not hasattr(error, "__notes__")
    STATE.get_or_create(KernelNames, lambda: NAMES)
    try:
        arrived = unpack_error(pack_error(explained(explained(error))))
    finally:
        STATE.pop(KernelNames)
    (note,) = arrived.__notes__
    assert isinstance(arrived, NodeError)
    assert text_of(arrived) == f"NodeError: {error} ({note})"
    assert type(arrived.__cause__) is NameError
