"""The errors of a node: what its functions raise, as a NodeError that names the node and the phase."""

from __future__ import annotations

from typing import Any

from pocket_lab.errors import DeadlineExceeded, NodeError, ProcessDied
from pocket_lab.executors.faults.foreign import is_a
from pocket_lab.executors.outcome import text_of
from pocket_lab.graph.context import Context, stops
from pocket_lab.graph.node import Route
from pocket_lab.graph.runtime.steps import Step
from pocket_lab.units import format_duration


def failure_of(step: Step, phase: str, error: BaseException, own: Context | None = None) -> BaseException:
    """The NodeError of an error; the error itself where it has a NodeError's name already or ends the run.

    `own` is the context of the node's timeout: a timeout of another context is not the node's.
    """
    if stops(error, own) or is_a(error, NodeError, ProcessDied):
        return error
    if own is not None and own.owns(error) and step.timeout_s is not None:
        return NodeError(step.name, phase, None, f"it passed its timeout of {format_duration(step.timeout_s)}")
    return NodeError(step.name, phase, None, text_of(error))


def is_late(error: BaseException) -> bool:
    """Whether a deadline has passed, so that there is no time for another attempt."""
    return is_a(error, DeadlineExceeded)


def pair_of(answer: Any) -> tuple[Any, str]:
    """The output and the action of what a post returned; raises TypeError for anything but a pair or a Route."""
    pair = (answer.value, answer.action) if isinstance(answer, Route) else answer
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise not_a_pair(answer)
    if not isinstance(pair[1], str):
        raise not_an_action(pair[1])
    return pair


def not_a_pair(answer: Any) -> TypeError:
    """The error of a post that returned neither a pair nor a Route."""
    return TypeError(f"post returns (output, action) or a Route, got {answer!r}")


def not_an_action(action: Any) -> TypeError:
    """The error of an action that is not a text."""
    return TypeError(f"an action is a text, got {action!r}")
