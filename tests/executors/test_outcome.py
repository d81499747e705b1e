"""Errors as text that crosses a process or a pipe, and back."""

from __future__ import annotations

import json
import sys
import threading
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab import demo
from pocket_lab.errors import NodeError, StoredError, UsageError
from pocket_lab.executors.outcome import (
    Outcome,
    Outcomes,
    RemoteTraceback,
    chain,
    pack_error,
    root_cause,
    text_of,
    unpack_error,
    user_frames,
)
from pocket_lab.executors.serial import SerialPool
from pocket_lab.view.text.failure import render_failure


class Picky(Exception):
    """Pickles, and cannot be rebuilt: exceptions are rebuilt from `args` alone."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


class Locked(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


class Liar(Exception):
    """Is rebuilt as an object that is not an exception."""

    def __reduce__(self) -> Any:
        return int, (3,)


class Mute(Exception):
    """Cannot be printed: its __str__ does not return a string."""

    def __str__(self) -> str:
        return self.args[0]


class Generous(Exception):
    """Has an answer to every name."""

    def __getattr__(self, name: str) -> int:
        return 5


class Strict(Exception):
    """Knows only the names of a dictionary."""

    def __getattr__(self, name: str) -> int:
        return dict[str, int]()[name]


class Closed(Exception):
    """Answers to no name at all."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Frozen(Exception):
    """Takes no attribute."""

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(name)


class Noted(Exception):
    __notes__ = 5  # type: ignore[assignment]


class OwnCause(Exception):
    @property
    def __cause__(self) -> OwnCause:  # type: ignore[override]
        return self


class Untrue(Exception):
    def __bool__(self) -> bool:
        raise RuntimeError


class ExitsAsText(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class ExitsAsPickle(Exception):
    def __reduce__(self) -> Any:
        raise SystemExit(3)


class ExitsAsItself(Exception):
    def __reduce__(self) -> Any:
        return sys.exit, (3,)


class InterruptsAsText(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class OddFormat(Exception):
    def __format__(self, spec: str) -> str:
        raise RuntimeError


ODD = [Generous, Strict, Closed, Frozen, Noted, OwnCause, Untrue, ExitsAsText, ExitsAsPickle, ExitsAsItself, InterruptsAsText]
ODD.append(OddFormat)


def fail(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        if cause is None:
            raise error
        raise error from cause
    except BaseException as raised:
        return raised


def across(error: BaseException) -> BaseException:
    """Through JSON, as a Failure record goes."""
    return unpack_error(json.loads(json.dumps(pack_error(error))))


def names(error: BaseException) -> list[str]:
    return [function for _, _, function in user_frames(error)]


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("k"), OSError(2, "gone", "f"), UsageError("x"), NodeError("n", "post", 3, "why")]
)
def test_type_message_and_state_cross(error: BaseException) -> None:
    arrived = across(fail(error))
    assert type(arrived) is type(error)
    assert (str(arrived), arrived.args) == (str(error), error.args)
    assert {name: value for name, value in vars(arrived).items() if name != "_pocket_lab_frames"} == vars(error)


@given(st.text())
def test_any_message_crosses(text: str) -> None:
    assert across(ValueError(text)).args == (text,)


def test_a_class_from_inside_a_function_crosses_as_itself() -> None:
    class Local(Exception):
        pass

    arrived = across(fail(Local("here")))
    assert isinstance(arrived, Local)
    assert str(arrived) == "here"


def test_frames_cross_with_file_line_and_function() -> None:
    error = fail(ValueError("no"))
    frames = user_frames(error)
    assert [(file, function) for file, _, function in frames] == [(__file__, "fail")]
    arrived = across(error)
    assert user_frames(arrived) == frames
    assert isinstance(arrived.__cause__, RemoteTraceback)
    assert f'File "{__file__}", line {frames[0][1]}, in fail' in str(arrived.__cause__)


def test_frames_survive_a_second_crossing() -> None:
    error = fail(ValueError("no"))
    assert user_frames(across(across(error))) == user_frames(error) != ()


def test_the_chain_of_causes_crosses_in_its_order() -> None:
    error = fail(NodeError("n", "exec", None, "why"), fail(KeyError("k"), fail(ValueError("root"))))
    arrived = across(error)
    assert [type(link) for link in chain(arrived)] == [NodeError, KeyError, ValueError]
    assert str(root_cause(arrived)) == "root"
    assert user_frames(root_cause(arrived)) == user_frames(root_cause(error)) != ()


def test_each_link_of_the_chain_keeps_its_own_frames() -> None:
    def inner() -> None:
        raise ValueError("root")

    def outer() -> None:
        try:
            inner()
        except ValueError as error:
            raise KeyError("k") from error

    with pytest.raises(KeyError) as caught:
        outer()
    expected = [names(link)[1:] for link in chain(caught.value)]
    assert expected == [["outer"], ["inner"]]
    assert [names(link)[1:] for link in chain(across(caught.value))] == expected


def test_an_error_that_is_its_own_cause_has_a_chain_of_one() -> None:
    error = ValueError("turns round")
    error.__cause__ = error  # what `raise error from error` makes
    assert list(islice(chain(error), 5)) == [error]


def test_an_error_raised_from_nothing_has_no_cause_but_its_remote_frames() -> None:
    arrived = across(fail(ValueError("alone")))
    assert list(chain(arrived)) == [arrived]
    assert root_cause(arrived) is arrived


@pytest.mark.parametrize(("error", "text"), [(Picky("a", "b"), "Picky: a b"), (Locked(), "Locked: holds a lock")])
def test_an_error_that_cannot_cross_becomes_a_runtime_error_with_its_text_and_frames(error: Exception, text: str) -> None:
    arrived = across(fail(error))
    assert type(arrived) is RuntimeError
    assert str(arrived) == text
    assert names(arrived) == ["fail"]


def test_an_error_that_is_not_rebuilt_as_an_exception_becomes_a_runtime_error() -> None:
    assert repr(across(Liar("three"))) == "RuntimeError('Liar: three')"


def test_an_error_that_cannot_be_printed_crosses_all_the_same() -> None:
    arrived = across(fail(Mute(3)))
    assert (type(arrived), arrived.args, names(arrived)) == (Mute, (3,), ["fail"])


@pytest.mark.parametrize("kind", ODD)
def test_an_error_of_any_class_crosses_with_text_and_frames_and_is_a_cause(kind: type[Exception]) -> None:
    error = fail(kind("why"))
    text = f"{kind.__name__}: why" if "AsText" not in kind.__name__ else f"{kind.__name__}: (an error without a printable text)"
    assert text_of(error) == text
    arrived = across(error)
    assert names(arrived) == ["fail"]
    assert text_of(arrived) in (text, f"RuntimeError: {text}")
    outer = across(fail(NodeError("n", "exec", None, text), error))
    assert [text_of(link) for link in chain(outer)][1:] == [text_of(arrived)]
    assert render_failure(outer)[-2:] == [text_of(arrived), f"NodeError: {outer}"]


def test_a_link_that_cannot_cross_keeps_its_position_in_the_chain() -> None:
    arrived = across(fail(KeyError("k"), fail(Locked(), fail(ValueError("root")))))
    assert [repr(link) for link in chain(arrived)] == [
        "KeyError('k')",
        "RuntimeError('Locked: holds a lock')",
        "ValueError('root')",
    ]


def test_frames_of_this_package_and_of_its_caller_are_left_out() -> None:
    def work(item: int) -> int:
        return 1 // item

    (outcome,) = SerialPool().imap(work, [0])
    assert outcome.error is not None
    assert names(outcome.error) == ["work"]
    with pytest.raises(ZeroDivisionError) as caught:
        list(SerialPool().imap(abs, map(work, [0])))
    assert names(caught.value) == ["work"]


def test_the_demo_counts_as_the_users_code() -> None:
    with pytest.raises(IndexError) as caught:
        demo.evenly([], 1)
    assert (demo.__file__, "evenly") in [(file, function) for file, _, function in user_frames(caught.value)]


def test_an_error_that_was_never_raised_has_no_frames() -> None:
    assert user_frames(ValueError("never raised")) == ()


@pytest.mark.parametrize("error", [ValueError("x" * 10_000_000), NodeError("n" * 500_000, "exec", None, "y" * 500_000)])
def test_a_long_message_is_cut_and_the_live_error_keeps_it(error: Exception) -> None:
    ((_, text, _),) = packed = pack_error(error)
    assert text == text_of(error)
    assert len(text) < 10_100
    assert text.startswith(f"{type(error).__name__}: ")
    assert text.endswith(" more characters)")
    assert unpack_error(packed).args == error.args


def test_an_error_with_a_huge_state_arrives_as_its_text() -> None:
    error = ValueError("large")
    error.data = bytes(20_000_000)  # type: ignore[attr-defined]
    ((pickled, *_),) = packed = pack_error(error)
    assert pickled == ""
    assert repr(unpack_error(packed)) == "RuntimeError('ValueError: large')"


def test_a_long_chain_and_a_deep_stack_keep_their_ends() -> None:
    error: BaseException = ValueError("root")
    for number in range(1000):
        outer = KeyError(number)
        outer.__cause__ = error
        error = outer
    texts = [text for _, text, _ in pack_error(error)]
    assert len(texts) == 20
    assert (texts[0], texts[-1]) == ("KeyError: 999", "ValueError: root")

    def descend(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        descend(depth - 1)

    with pytest.raises(ValueError, match="deep") as caught:
        descend(500)
    frames = user_frames(caught.value)
    ((_, _, kept),) = pack_error(caught.value)
    assert len(frames) > 500
    assert (kept[:100], kept[-100:]) == (frames[:100], frames[-100:])
    assert kept[100:-100] == (("…", 0, f"({len(frames) - 200} frames left out)"),)


def test_a_link_without_a_pickle_is_a_stored_error_and_reads_no_source() -> None:
    error = unpack_error(((None, "KeyError: 'k'", ((__file__, 5, "f"),)), (None, "Odd: why", ((__file__, 7, "g"),))))
    assert [type(link) for link in chain(error)] == [StoredError, StoredError]
    assert str(root_cause(error)) == text_of(root_cause(error)) == "Odd: why"
    assert user_frames(error) == ((__file__, 5, "f"),)
    assert str(root_cause(error).__cause__) == f'\n  File "{__file__}", line 7, in g\n'


@given(st.integers(0, 10**9), st.lists(st.integers() | st.builds(ValueError), min_size=1, max_size=30))
def test_outcomes_are_made_one_by_one_as_often_as_they_are_iterated(first: int, what: list[int | ValueError]) -> None:
    listed = [Outcome(first + n, None, x) if isinstance(x, ValueError) else Outcome(first + n, x) for n, x in enumerate(what)]
    outcomes = Outcomes.listed(listed)
    assert len(outcomes) == len(what)
    assert list(outcomes) == list(outcomes) == listed
    assert [type(outcome) for outcome in outcomes] == [Outcome] * len(what)
    outcomes.raise_end()  # no ValueError ends a call


def test_only_the_last_outcome_ends_a_call_and_only_with_what_is_no_exception() -> None:
    with pytest.raises(SystemExit):
        Outcomes(5, [1, None], {6: SystemExit(3)}).raise_end()
    Outcomes(5, [None, 1], {5: ValueError()}).raise_end()
    Outcomes(0, []).raise_end()
