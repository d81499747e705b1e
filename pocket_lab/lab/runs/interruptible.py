"""Ctrl-C ends a verb, also where code that the verb calls swallows it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from pocket_lab.measure.worker.interrupts import INTERRUPTS

F = TypeVar("F", bound=Callable[..., Any])


def interruptible(verb: F) -> F:
    """The verb, which raises at its end an interrupt that nobody else has raised; its result is kept by then."""

    @functools.wraps(verb)
    def call(*arguments: Any, **options: Any) -> Any:
        with INTERRUPTS:
            result = verb(*arguments, **options)
            INTERRUPTS.raise_swallowed()
            return result

    return cast(F, call)
