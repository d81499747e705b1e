"""What an error of the target is, read without its class: that may answer to every name, raise at any, or end the process."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from pocket_lab.executors.faults.interrupts import INTERRUPTS

T = TypeVar("T")
_CAUSE: Any = BaseException.__dict__["__cause__"]
_TRACEBACK: Any = BaseException.__dict__["__traceback__"]


def is_a(error: BaseException | None, *kinds: type[BaseException]) -> bool:
    """As isinstance, which asks the object as well."""
    return issubclass(type(error), kinds)


def cause_of(error: BaseException) -> BaseException | None:
    """The `__cause__` with which it was raised."""
    found: BaseException | None = _CAUSE.__get__(error)
    return found


def set_cause(error: BaseException, cause: BaseException | None) -> None:
    """Give it a `__cause__`."""
    _CAUSE.__set__(error, cause)


def traceback_of(error: BaseException) -> TracebackType | None:
    """Its `__traceback__`."""
    found: TracebackType | None = _TRACEBACK.__get__(error)
    return found


def own_attribute(error: BaseException, name: str) -> Any:
    """An attribute that it has itself, or from its class; None without one."""
    return answer_of(lambda: object.__getattribute__(error, name), lambda: None)


def notes_of(error: BaseException) -> list[str]:
    """The notes that were added to it."""
    notes = own_attribute(error, "__notes__")
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []


def answer_of(function: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """What code of the error's class answers, or what to do without; only a real interrupt ends it."""
    try:
        return function()
    except BaseException as failure:  # it may raise anything, SystemExit too
        INTERRUPTS.pass_on(failure)
        return otherwise()
