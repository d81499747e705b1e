"""The settings of a process come back from a pickle, and set in another process they are what they were."""

from __future__ import annotations

import logging
import pickle
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.executors.processes import ProcessPool
from pocket_lab.executors.world.options import changed_options, set_options
from pocket_lab.executors.world.settings import Settings

ACTIONS = st.sampled_from(["error", "ignore", "always", "default", "module", "once"])
CATEGORIES = st.sampled_from([Warning, UserWarning, DeprecationWarning, pd.errors.PerformanceWarning])
TEXTS = st.none() | st.from_regex(r"[a-z]{1,8}", fullmatch=True)


class OwnWarning(UserWarning):
    pass


@pytest.fixture
def kept() -> Iterator[None]:
    """Everything is as before afterwards."""
    before = Settings.here()
    levels = {name: logging.getLogger(name).level for name in ("", "tests.world")}
    with warnings.catch_warnings(), pd.option_context("display.max_rows", 60), matplotlib.rc_context():
        yield
    before.apply()
    logging.disable(before.log_disabled)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@given(
    st.integers(2000, 9000),
    st.sampled_from([640, 5000, 0]),
    st.tuples(st.integers(500, 900), st.integers(5, 20), st.integers(5, 20)),
    st.sampled_from([0, 1 << 18, 1 << 20]),
    st.lists(st.tuples(ACTIONS, TEXTS, CATEGORIES, TEXTS), max_size=4),
    st.integers(0, 60),
)
def test_they_are_the_same_after_a_pickle_and_apply(
    limit: int, digits: int, threshold: tuple[int, int, int], stack: int, filters: list[Any], level: int
) -> None:
    before = Settings.here()
    try:
        with warnings.catch_warnings():
            for action, message, category, module in filters:
                warnings.filterwarnings(action, message or "", category, module or "")
            changed = (
                Settings.here()
                ._replace(
                    recursion_limit=limit, int_digits=digits, gc_threshold=threshold, stack_bytes=stack, log_disabled=level
                )
                ._replace(collects=digits == 0, arguments=("prog", str(limit)))
            )
            changed = changed._replace(log_levels=(("tests.world", level + 1, True),))
            wanted = list(warnings.filters)
        with warnings.catch_warnings():
            pickle.loads(pickle.dumps(changed)).apply()
            assert list(warnings.filters) == wanted
            there = Settings.here()
        assert ("tests.world", level + 1, True) in there.log_levels
        assert there._replace(log_levels=()) == changed._replace(log_levels=())
    finally:
        logging.getLogger("tests.world").setLevel(0)
        logging.getLogger("tests.world").disabled = False
        before.apply()
        logging.disable(before.log_disabled)


def test_a_filter_counts_at_once_and_one_of_a_category_that_is_not_loaded_is_left_out() -> None:
    entry = ("error", None, (__name__, "OwnWarning"), None, 0)
    settings = Settings.here()._replace(filters=(entry, ("error", None, ("not_loaded", "Any"), None, 0)))
    with warnings.catch_warnings():
        settings.apply_filters()
        assert list(warnings.filters) == [("error", None, OwnWarning, None, 0)]
        with pytest.raises(OwnWarning):
            warnings.warn("once", OwnWarning, stacklevel=1)


def test_to_look_changes_nothing() -> None:
    threading.stack_size(1 << 19)
    try:
        assert Settings.here() == Settings.here()
        assert Settings.here().stack_bytes == 1 << 19
    finally:
        threading.stack_size(0)


def test_a_pool_has_the_settings_of_where_it_is_opened(kept: None) -> None:
    sys.setrecursionlimit(7654)
    logging.getLogger("tests.world").setLevel(5)
    pd.set_option("display.max_rows", 7)
    warnings.simplefilter("error", pd.errors.PerformanceWarning)

    def seen(_: int) -> list[Any]:
        import pandas as pd  # a worker sets the options once it loads the library

        level = logging.getLogger("tests.world").level
        return [sys.getrecursionlimit(), level, pd.get_option("display.max_rows")]

    with ProcessPool(1) as pool:
        (outcome,) = pool.imap(seen, [0])
    assert outcome.get() == [7654, 5, 7]


def test_the_folder_of_temporary_files_goes_along_so_that_no_process_tries_folders_with_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ProcessPool(1) as pool:
        assert pool.in_worker_processes(tempfile.gettempdir) == [str(tmp_path)]


def test_options_of_libraries_that_were_changed_are_set_again_and_others_are_not_sent(kept: None) -> None:
    before = changed_options()
    matplotlib.rcParams["figure.dpi"] = 33
    pd.set_option("display.max_rows", 7)
    changed = [option for option in changed_options() if option not in before]
    assert [(library, key) for library, key, _ in changed] == [("pandas", "display.max_rows"), ("matplotlib", "figure.dpi")]
    matplotlib.rcParams["figure.dpi"] = matplotlib.rcParamsDefault["figure.dpi"]
    pd.reset_option("display.max_rows")
    set_options(pickle.loads(pickle.dumps(changed)))
    assert (pd.get_option("display.max_rows"), matplotlib.rcParams["figure.dpi"]) == (7, 33)


def test_what_cannot_be_pickled_is_named(kept: None) -> None:
    lock = threading.Lock()
    pd.set_option("display.float_format", lambda value: f"{lock} {value}")
    try:
        assert Settings.here().unsent == ["the option display.float_format of pandas"]
    finally:
        pd.reset_option("display.float_format")
