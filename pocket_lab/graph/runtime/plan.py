"""The plan: a graph compiled once, and the loop that goes from block to block by the actions."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from pocket_lab.errors import GraphError, NodeError, printable
from pocket_lab.executors.faults.frames import is_machinery
from pocket_lab.executors.outcome import text_of
from pocket_lab.graph.context import Context, TooManySteps
from pocket_lab.graph.node import Node, walk
from pocket_lab.graph.observers import Observer, Run, Sink, begin
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.block import Block, Left, Source, compile_blocks
from pocket_lab.graph.runtime.failures import not_an_action
from pocket_lab.graph.runtime.fast_loops import Chain
from pocket_lab.graph.runtime.steps import Step
from pocket_lab.graph.site import Site
from pocket_lab.graph.store import Store


class Plan:
    """The compiled form of a graph: `run` and `arun` are its verbs.

    It is pickled as its source, without the observers, which belong to one process, and compiled again.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._inside: dict[tuple[Site, bool], Plan] = {}

    def run(self, value: Any, store: Store, context: Context | None) -> Any:
        """The output of the last node for this input; raises NodeError, GraphError, Cancelled or DeadlineExceeded."""
        if not self.is_async:
            return self._plain.run(value, store, context)
        if context is not None and context.pool.loop is not None:
            return context.pool.loop.run(self.arun(value, store, context))
        from pocket_lab.executors.event_loop import Loop

        with Loop() as loop:
            return loop.run(self.arun(value, store, context))

    async def arun(self, value: Any, store: Store, context: Context | None) -> Any:
        """As `run`, on the running event loop; an await ends at the deadline of the context."""
        if context is None or context.deadline_s is None:
            return await self._on_loop.arun(value, store, context)
        from pocket_lab.graph.runtime.event_loop_waits import bounded

        return await bounded(self._on_loop.arun)(value, store, context, ctx=context)

    @cached_property
    def is_async(self) -> bool:
        """Whether a run needs an event loop; inner graphs say so first, since Python 3.12 limits calls through C apart."""
        return any(node.is_async for node in reversed(list(walk(self.source.nodes()))))

    @cached_property
    def last(self) -> str:
        """The node with which every run ends, or the graph where routes decide that."""
        ends = {node.name for node in self.source.nodes() if not self.source.routes.get(node.name)}
        has_one_way = all(len(targets) <= 1 for targets in self.source.routes.values())
        return self.source.site.label_of(ends.pop()) if len(ends) == 1 and has_one_way else self.source.name

    @cached_property
    def depth(self) -> int:
        """How many graphs are in each other, this one included."""
        return 1 + max(node.depth for node in self.source.nodes())

    def swapped(self, new: Mapping[Node, Node]) -> Plan:
        """The plan with other nodes instead of some; raises GraphError where two different nodes get one name."""
        return Plan(self.source.swapped(new))

    @cached_property
    def bare(self) -> Chain:
        """The function of a run without a context; for a graph of one chain it is the chain."""
        return self.run if self.is_async else self._plain.bare

    def observed(self, observers: Sequence[Observer]) -> Plan:
        """The same plan, compiled with these observers and no others."""
        return self if tuple(observers) == self.source.observers else Plan(replace(self.source, observers=tuple(observers)))

    def inside(self, site: Site, observers: Sequence[Observer], leaves: bool = True) -> Plan:
        """The same plan for a run inside another, at this site: its own observers, then those of the outer run.

        One that `leaves` returns a Left where it ends by another action than "default".
        """
        own, key = self.source.observers, (replace(site, actions=(), label=site.label if site.shared else ""), leaves)
        added = [observer for observer in observers if observer not in own]
        if added:
            return Plan(replace(self.source, observers=(*own, *added), site=key[0], leaves=leaves))
        if key not in self._inside:
            self._inside[key] = Plan(replace(self.source, site=key[0], leaves=leaves))
        return self._inside[key]

    @cached_property
    def _plain(self) -> _Program:
        return _Program(self.source, on_loop=False)

    @cached_property
    def _on_loop(self) -> _Program:
        return _Program(self.source, on_loop=True)

    def __reduce__(self) -> tuple[type[Plan], tuple[Source]]:
        return Plan, (replace(self.source, observers=()),)


class _Program:
    """The blocks of a plan, for plain code or for an event loop."""

    def __init__(self, source: Source, on_loop: bool) -> None:
        self._source = source
        self._observers = source.observers
        self._begin = partial(_begin_on_loop if on_loop else begin, source.observers, source.name)
        self._blocks = compile_blocks(source, on_loop)
        self._first = self._blocks[source.first.name]
        self._most = math.inf if source.max_steps is None else source.max_steps
        self._needs_context = any(block.needs_context for block in self._blocks.values())
        self._shows_context = any(block.shows_context for block in self._blocks.values())

    @property
    def bare(self) -> Chain:
        """The function of a run without a context; for a graph of one block it is the chain of the block."""
        block = self._first
        if len(self._blocks) > 1 or block.routed or self._source.max_steps is not None:
            return self.run
        chain = block.chain(self._shows_context, leave=lambda *left: self._follow(block, Left(*left))[0])
        if not self._needs_context:
            return chain
        return lambda value, store, _: chain(value, store, self._new_context())

    def run(self, value: Any, store: Store, context: Context | None) -> Any:
        """One run without an event loop."""
        context, checked = self._entered(context)
        block, steps_left = self._first, self._most
        while True:
            chain = block.checked if checked else block.bare
            if steps_left < block.length:
                chain = self._shortened(block, int(steps_left), context)
            value = chain(value, store, context)
            if value.__class__ is Left:
                steps_left -= value.position + 1
                value, following = self._follow(block, value)
            else:
                steps_left -= block.length
                if steps_left < 0:  # the chain was shortened by so many steps
                    raise self._too_many(block.steps[int(steps_left)], context)
                following = block.after
                if following is None and self._source.strict:
                    self._unrouted(block.steps[-1], DEFAULT)
            if following is None:
                return value
            block = following

    async def arun(self, value: Any, store: Store, context: Context | None) -> Any:
        """One run on an event loop: the same, with an await."""
        context, checked = self._entered(context)
        block, steps_left = self._first, self._most
        while True:
            chain = block.checked if checked else block.bare
            if steps_left < block.length:
                chain = self._shortened(block, int(steps_left), context)
            value = chain(value, store, context)
            if block.is_async:
                value = await value
            if value.__class__ is Left:
                steps_left -= value.position + 1
                value, following = self._follow(block, value)
            else:
                steps_left -= block.length
                if steps_left < 0:  # the chain was shortened by so many steps
                    raise self._too_many(block.steps[int(steps_left)], context)
                following = block.after
                if following is None and self._source.strict:
                    self._unrouted(block.steps[-1], DEFAULT)
            if following is None:
                return value
            block = following

    def _entered(self, context: Context | None) -> tuple[Context | None, bool]:
        """The context of one run, and whether the caller or a node can stop it."""
        if context is None:
            return (self._new_context() if self._needs_context else None), self._shows_context
        if self._observers:
            context = context.observed(*self._begin(context.run, context.item))
        return context, True

    def _new_context(self) -> Context:
        context = Context()
        if self._observers:
            context.run, context.sink = self._begin(None, None)
        return context

    def _shortened(self, block: Block, steps: int, context: Context | None) -> Chain:
        """The chain of the steps that the run may still take."""
        if steps == 0:
            raise self._too_many(block.steps[0], context)
        return block.chain(context is not None, steps=block.steps[:steps])

    def _too_many(self, step: Step, context: Context | None) -> TooManySteps:
        if context is not None:
            context.check()
        most = self._source.max_steps
        return TooManySteps(f'more than max_steps={most} steps, at node "{step.name}": a loop without an end?')

    def _follow(self, block: Block, left: Left) -> tuple[Any, Block | None]:
        """The output of a node, and the block that its action leads to; a graph inside another keeps an action for that one."""
        step, action = block.steps[left.position], left.action
        if not isinstance(action, str):
            error = not_an_action(action)
            raise NodeError(step.name, "post" if step.post else "exec", None, text_of(error)) from error
        following = block.routes[left.position].get(action)
        if following is None:
            self._unrouted(step, action)
            if self._source.leaves and action != DEFAULT:
                return left, None
        return left.value, following

    def _unrouted(self, step: Step, action: str) -> None:
        source = self._source
        if not step.actions or (action == DEFAULT and not source.strict):
            return
        if source.leaves and action != DEFAULT and action in source.site.exits:
            return
        known = ", ".join(f'"{other}"' for other in step.actions)
        message = f'node "{step.name}" took the action "{action}", which has no route (it has {known}): the run ends here'
        if source.strict:
            raise GraphError(message)
        warnings.warn(printable(message), stacklevel=_callers_level())


def _begin_on_loop(observers: Sequence[Observer], graph: str, parent: Run | None, item: int | None) -> tuple[Run, Sink]:
    """A new run of the task that is running now, and where its events go."""
    from pocket_lab.executors.tasks import worker_name

    return begin(observers, graph, parent, item, worker_name())


def _callers_level() -> int:
    """The stack level of the user's first frame, counted from the caller as `warnings.warn` does."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and is_machinery(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    return level + 1
