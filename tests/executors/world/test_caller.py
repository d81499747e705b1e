"""Each call in a worker process finds what its caller has: context variables, decimal and numpy settings, made modules."""

from __future__ import annotations

import contextvars
import decimal
import io
import pickle
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.executors.pickling import Pickler, dumps
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.processes import ProcessPool
from pocket_lab.executors.world.caller import Caller

REQUEST: contextvars.ContextVar[Any] = contextvars.ContextVar("REQUEST", default="none")
UNSET: contextvars.ContextVar[Any] = contextvars.ContextVar("UNSET")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """One pool for all tests of this module, so that what a call changes would be seen by the next."""
    with ProcessPool(1) as opened:
        opened.start()
        yield opened


@pytest.fixture
def settings() -> Iterator[types.ModuleType]:
    """A module made by hand, with a function that changes it."""
    made = types.ModuleType("settings_of_tests")
    exec("MB = 5\ncount = 0\ndef bump():\n    global count\n    count += MB\n    return count", vars(made))
    sys.modules["settings_of_tests"] = made
    yield made
    del sys.modules["settings_of_tests"]


def called(pool: Pool, function: Any) -> Any:
    (outcome,) = pool.imap(function, [0])
    return outcome.get()


def here(function: Any) -> Caller:
    pickler = Pickler(io.BytesIO())
    pickler.dump(function)
    return Caller.here(pickler)


def test_context_variables_of_a_module_and_of_a_function_have_their_values_in_every_call(pool: Pool) -> None:
    local: contextvars.ContextVar[int] = contextvars.ContextVar("local", default=1)

    def seen(_: int) -> tuple[Any, int, Any]:
        found = REQUEST.get(), local.get(), UNSET.get("unset")
        REQUEST.set("changed there")
        return found

    def in_context(request: str, value: int) -> Any:
        REQUEST.set(request)
        local.set(value)
        return called(pool, seen)

    assert called(pool, seen) == ("none", 1, "unset")
    assert contextvars.copy_context().run(in_context, "mine", 7) == ("mine", 7, "unset")
    assert contextvars.copy_context().run(in_context, "other", 8) == ("other", 8, "unset")
    assert called(pool, seen) == ("none", 1, "unset")


@hypothesis.settings(max_examples=20)
@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.floats(allow_nan=False))), st.text(min_size=1))
def test_a_variable_is_one_object_however_often_it_is_sent(value: Any, name: str) -> None:
    variable: contextvars.ContextVar[Any] = contextvars.ContextVar(name, default=value)
    first, second = pickle.loads(dumps([variable, variable])), pickle.loads(dumps(variable))
    assert first[0] is first[1] is second is variable
    assert pickle.loads(dumps(REQUEST)) is REQUEST


def test_decimal_and_numpy_work_as_in_the_caller_and_not_in_the_next_call(pool: Pool) -> None:
    def seen(_: int) -> tuple[int, str, int]:
        return decimal.getcontext().prec, np.geterr()["divide"], np.get_printoptions()["precision"]

    with decimal.localcontext(prec=50), np.errstate(divide="raise"), np.printoptions(precision=3):
        assert called(pool, seen) == (50, "raise", 3)
    assert called(pool, seen) == (decimal.getcontext().prec, "warn", 8)


@given(st.integers(1, 10_000), st.sampled_from([decimal.ROUND_UP, decimal.ROUND_HALF_EVEN]), st.booleans())
def test_a_decimal_context_comes_back_and_a_new_one_is_not_sent(precision: int, rounding: str, trapped: bool) -> None:
    with decimal.localcontext(decimal.Context(prec=precision, rounding=rounding)) as context:
        context.traps[decimal.Inexact] = trapped
        sent = here(len)
        assert (sent.decimal is None) == ((precision, rounding, trapped) == (28, decimal.ROUND_HALF_EVEN, False))
        inside = pickle.loads(pickle.dumps(sent)).context().call(decimal.getcontext)
    if sent.decimal is not None:
        assert (inside.prec, inside.rounding, inside.traps[decimal.Inexact]) == (precision, rounding, trapped)


def test_a_module_made_by_hand_is_there_with_its_present_attributes(pool: Pool, settings: Any) -> None:
    def seen(_: int) -> tuple[int, int, int]:
        import settings_of_tests  # type: ignore[import-not-found]

        settings_of_tests.bump()
        return settings.MB, settings_of_tests.bump(), settings.count

    assert called(pool, seen) == (5, 10, 10)
    settings.MB = 6
    assert called(pool, seen) == (6, 12, 12)


def test_what_cannot_be_sent_is_named_and_the_rest_is(pool: Pool, settings: Any) -> None:
    settings.lock = threading.Lock()
    sent = here(lambda: settings.MB)
    assert sent.unsent == ("settings_of_tests.lock",)
    assert called(pool, lambda _: (settings.MB, hasattr(settings, "lock"))) == (5, False)

    def with_lock() -> Caller:
        REQUEST.set(threading.Lock())
        return here(lambda: REQUEST)

    assert 'the context variable "REQUEST"' in contextvars.copy_context().run(with_lock).unsent


def test_nothing_is_sent_where_nothing_was_changed() -> None:
    assert here(len) == Caller()
