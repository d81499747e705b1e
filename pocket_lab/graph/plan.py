"""The plan: a graph compiled once into blocks of plain calls and steps with a full life cycle.

A block is the longest run of nodes that only have an exec function and are entered only from the one before, so that a
chain of plain nodes costs little more than a loop of plain calls.
"""

from __future__ import annotations

import inspect
import operator
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pocket_lab.errors import Cancelled, DeadlineExceeded, GraphError, NodeError, ProcessDied
from pocket_lab.graph.context import Context
from pocket_lab.graph.node import Node, Route, Step
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.store import ReadOnlyStore, Store
from pocket_lab.run.outcome import text_of


class _TooManySteps(GraphError):
    """The bound on the steps of a run, which is no failure of a node."""


STOPS = (Cancelled, DeadlineExceeded, _TooManySteps)
Routes = Mapping[str, Mapping[str, Node]]
_NOTHING: Mapping[str, Node] = {}


@dataclass(slots=True)
class Block:
    """Plain calls in a row, or one step; `routes[i]` says where the action of node i leads."""

    names: list[str] = field(default_factory=list)
    calls: tuple[Callable[[Any], Any], ...] = ()
    step: Step | None = None
    routes: list[dict[str, Block]] = field(default_factory=list)


class Plan:
    """The compiled form of a graph: `run` is its only verb. It is pickled as its source, and compiled anew."""

    def __init__(self, first: Node, routes: Routes, strict: bool = False, max_steps: int | None = None) -> None:
        self._source = (first, routes, strict, max_steps)
        self._strict = strict
        self._max_steps = max_steps
        self._first = _compile(first, routes)

    def run(self, value: Any, store: Store, context: Context | None) -> Any:
        """The output of the last node for this input; raises NodeError, GraphError, Cancelled or DeadlineExceeded."""
        block: Block | None = self._first
        steps_left = self._max_steps
        while block is not None:
            if steps_left is not None and steps_left < len(block.names):
                block = self._cut(block, steps_left)
            if block.step is not None:
                if context is None:
                    context = Context()
                context.check()
                try:
                    value, action = block.step(value, store, context)
                except (*STOPS, ProcessDied):
                    raise
                except Exception as error:
                    _fail(block.names[0], "exec", error)
                position = 0
            else:
                value, action, position = _run_calls(block, value, context)
            if steps_left is not None:
                steps_left -= position + 1
            following = block.routes[position].get(action)
            if following is None:
                self._unrouted(block.names[position], action)
            block = following
        return value

    def __reduce__(self) -> tuple[type[Plan], tuple[Any, ...]]:
        return Plan, self._source

    def _cut(self, block: Block, steps: int) -> Block:
        """The block with an error in the place of the node that would be one too many."""

        def refuse(*_: Any) -> NoReturn:
            name = block.names[steps]
            raise _TooManySteps(f'more than max_steps={self._max_steps} steps, at node "{name}": a loop without an end?')

        step = None if block.step is None else refuse
        return Block(block.names, (*block.calls[:steps], refuse), step, block.routes)

    def _unrouted(self, name: str, action: str) -> None:
        routes = self._source[1].get(name, _NOTHING)
        if not routes or (action == DEFAULT and not self._strict):
            return
        known = ", ".join(f'"{other}"' for other in routes)
        message = f'node "{name}" took the action "{action}", which has no route (it has {known}): the run ends here'
        if self._strict:
            raise GraphError(message)
        warnings.warn(message, stacklevel=4)


def _run_calls(block: Block, value: Any, context: Context | None) -> tuple[Any, str, int]:
    """Call after call; the iterator alone knows how far it came, so that the loop keeps no count."""
    calls = iter(block.calls)
    try:
        if context is None:
            for call in calls:
                value = call(value)
                if value.__class__ is Route:
                    position = _position(block, calls)
                    if value.action != DEFAULT or position == len(block.names) - 1:
                        return value.value, value.action, position
                    value = value.value
        else:
            context.check()
            for call in calls:
                value = call(value)
                context.check()
                if value.__class__ is Route:
                    position = _position(block, calls)
                    if value.action != DEFAULT or position == len(block.names) - 1:
                        return value.value, value.action, position
                    value = value.value
    except STOPS:
        raise
    except Exception as error:
        _fail(block.names[_position(block, calls)], "exec", error)
    return value, DEFAULT, len(block.names) - 1


def _position(block: Block, calls: Any) -> int:
    return len(block.calls) - operator.length_hint(calls) - 1


def _fail(name: str, phase: str, error: Exception) -> NoReturn:
    if isinstance(error, NodeError):  # from inside this node, or already named
        raise error
    raise NodeError(name, phase, None, text_of(error)) from error


def _compile(first: Node, routes: Routes) -> Block:
    entered_from: dict[str, int] = {first.name: 1}
    for targets in routes.values():
        for action, target in targets.items():
            entered_from[target.name] = entered_from.get(target.name, 0) + (1 if action == DEFAULT else 2)
    blocks: dict[str, Block] = {}
    waiting = [first]
    while waiting:
        head = waiting.pop()
        if head.name in blocks:
            continue
        chain = [head]
        while _is_plain(chain[-1]):
            following = routes.get(chain[-1].name, _NOTHING).get(DEFAULT)
            if following is None or not _is_plain(following) or entered_from[following.name] > 1:
                break
            chain.append(following)
        blocks[head.name] = Block(
            names=[node.name for node in chain],
            calls=tuple(node.exec for node in chain if node.exec) if _is_plain(head) else (),
            step=None if _is_plain(head) else head.step() or _lifecycle(head),
        )
        inside = {node.name for node in chain[1:]}
        waiting += [
            target for node in chain for target in routes.get(node.name, _NOTHING).values() if target.name not in inside
        ]
    for block in blocks.values():
        for name in block.names:
            targets = routes.get(name, _NOTHING)
            block.routes.append({action: blocks[t.name] for action, t in targets.items() if t.name in blocks})
    return blocks[first.name]


def _is_plain(node: Node) -> bool:
    phases = node.phases()
    return [phase for phase, _ in phases] == ["exec"] and not node.retry.retries and not wants_context(phases[0][1])


def wants_context(function: Callable[..., Any]) -> bool:
    """Whether the function has a parameter named `ctx`."""
    try:
        return "ctx" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # builtins without a signature
        return False


def _lifecycle(node: Node) -> Step:
    """prep, exec, fallback and post of a node as one call; prep and exec are retried, each on its own."""
    prep, exec_, fallback, post = (_bind(f) if f else None for f in (node.prep, node.exec, node.fallback, node.post))
    waits_s = node.retry.waits_s()

    def step(value: Any, store: Store, context: Context) -> tuple[Any, str]:
        phase = "prep"
        try:
            prepared = value if prep is None else _attempts(prep, waits_s, context, ReadOnlyStore(store), value)
            phase = "exec"
            try:
                result = prepared if exec_ is None else _attempts(exec_, waits_s, context, prepared)
            except STOPS:
                raise
            except Exception as error:
                if fallback is None:
                    raise
                phase = "fallback"
                result = fallback(context, prepared, error)
            action = DEFAULT
            if result.__class__ is Route:
                result, action = result.value, result.action
            phase = "post"
            if post is None:
                return result, action
            answer = post(context, store, value, prepared, result)
            if answer.__class__ is Route:
                return answer.value, answer.action
            return _pair(answer)
        except STOPS:
            raise
        except Exception as error:
            _fail(node.name, phase, error)

    return step


def _pair(answer: Any) -> tuple[Any, str]:
    if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[1], str):
        raise TypeError(f"post returns (output, action) or a Route, got {answer!r}")
    return answer


def _bind(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function called with the context first, which it receives as `ctx` where it has that parameter."""
    if wants_context(function):
        return lambda context, *args: function(*args, ctx=context)
    return lambda context, *args: function(*args)


def _attempts(call: Callable[..., Any], waits_s: list[float], context: Context, *args: Any) -> Any:
    for wait_s in waits_s:
        try:
            return call(context, *args)
        except STOPS:
            raise
        except Exception:
            time.sleep(wait_s)
            context.check()
    return call(context, *args)
