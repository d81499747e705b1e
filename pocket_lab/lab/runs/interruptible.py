"""Ctrl-C ends a verb, also where code that the verb calls swallows it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from pocket_lab.executors.faults.interrupts import Interruptible

F = TypeVar("F", bound=Callable[..., Any])


def interruptible(verb: F) -> F:
    """The verb, which raises at its end an interrupt that nobody else has raised; its result is kept by then.

    A notebook shows an interrupt without frames of ours.
    """

    @functools.wraps(verb)
    def call(*arguments: Any, **options: Any) -> Any:
        with Interruptible():
            return verb(*arguments, **options)

    return cast(F, call)
