"""Marker frames: whatever runs because of a node has a frame on its stack whose file is the name of the node.

A function of the node is called through a tiny function whose code has that file, so that the innermost such frame names the
node, whatever is decorated, made by exec, a partial or a Mock. Only observers with `lazy_results = "marked"` ask for it.
`current_node` tells the node that is running here; threads and callbacks that it starts inherit it (`profile.inheritance`).
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from contextvars import Context, ContextVar
from functools import cache, partial
from types import FrameType, FunctionType
from typing import Any

from pocket_lab.graph.callables import is_async

_MARK, _END = "<node:", ">"
VISIT, INHERITED = "visit", "inherited"  # the functions of markers: of a visit, and in what a node has started

_Visiting = tuple["weakref.ref[Any]", str | None]

# The node whose visit, thread or callback this context belongs to.
CURRENT: ContextVar[str | None] = ContextVar("pocket_lab_node", default=None)

# The task that is inside visits in this context, and the node that it belongs to itself; a copied context has a foreign task.
_VISITING: ContextVar[_Visiting | None] = ContextVar("pocket_lab_visiting", default=None)

# While CPU clocks are read: called with the node that this thread has worked for until now.
CHARGES: list[Callable[[str | None], object]] = []


def node_of_marker(file: str) -> str | None:
    """The node that a frame with this file names; None for any other file."""
    return _unescaped(file[len(_MARK) : -len(_END)]) if file.startswith(_MARK) else None


def is_marker(file: str) -> bool:
    """Whether a frame with this file only names a node."""
    return file.startswith(_MARK)


def marked(function: Callable[..., Any], node: str) -> Callable[..., Any]:
    """The function, called through a marker frame of the node; async where the function is."""
    if is_async(function):

        async def visit(*args: Any, **kwargs: Any) -> Any:
            outer, visiting = CURRENT.get(), _VISITING.get()
            _VISITING.set(_begun(visiting, outer))
            CURRENT.set(node)
            for charge in CHARGES:
                charge(outer)
            try:
                return await function(*args, **kwargs)
            finally:
                for charge in CHARGES:
                    charge(node)
                CURRENT.set(outer)  # not a token: the coroutine may be closed in another context
                _VISITING.set(visiting)

        return with_marker(visit, node)
    return partial(_called(node, VISIT), function)


@cache
def inherited(node: str) -> Callable[..., Any]:
    """`call(function, *arguments)` through a marker frame of the node, for a thread or a callback that it has started."""
    return _called(node, INHERITED)


def _called(node: str, kind: str) -> Callable[..., Any]:
    def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        outer = CURRENT.get()
        CURRENT.set(node)
        for charge in CHARGES:
            charge(outer)
        try:
            return function(*args, **kwargs)
        finally:
            for charge in CHARGES:
                charge(node)
            CURRENT.set(outer)

    return with_marker(call, node, kind)


@cache
def resumed(node: str) -> Callable[..., Any]:
    """`call(function, argument)` through a marker frame of the node, for a callback that has a context of its own."""

    def inherited(function: Callable[[Any], Any], argument: Any) -> Any:
        return function(argument)

    return with_marker(inherited, node)


def node_of_callback(callback: Any, context: Context) -> str | None:
    """The node that a callback of an event loop belongs to as a whole: the one that has given it to the loop.

    A step of a task belongs to the node that has made the task, not to the visit in which the task is suspended: that has a
    marker on the stack of the task, and the step goes on with other nodes when it ends.
    """
    visiting = context.get(_VISITING)
    if visiting is None or (task := visiting[0]()) is None or task is not _self(callback):
        return context.get(CURRENT)
    return visiting[1]


def _self(callback: Any) -> Any:
    try:
        return getattr(callback, "__self__", None)
    except Exception:  # a callback of a class that raises what it likes
        return None


def _begun(visiting: _Visiting | None, outer: str | None) -> _Visiting | None:
    """What `_VISITING` is in a visit that begins here; a coroutine may also be driven without an event loop."""
    import asyncio  # not with the module: graphs without async nodes do without it

    task = None if asyncio._get_running_loop() is None else asyncio.current_task()
    if task is None or (visiting is not None and visiting[0]() is task):
        return visiting
    return weakref.ref(task), outer


def with_marker(function: Any, node: str, kind: str = "") -> Callable[..., Any]:
    """The same function with the name of the node as its file, and as its own name the kind, if given."""
    name = kind or function.__name__
    code = function.__code__.replace(co_filename=f"{_MARK}{_escaped(node)}{_END}", co_name=name, co_qualname=name)
    return FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)


def current_node() -> str | None:
    """The node because of which the caller runs: that of the innermost marker on the stack, else that of the context.

    None outside every node, and where no instrument asks for markers.
    """
    return _marker_above(sys._getframe(1)) or CURRENT.get()


def marker_above() -> str | None:
    """The node of the innermost marker on the stack."""
    return _marker_above(sys._getframe(1))


def _marker_above(frame: FrameType | None) -> str | None:
    while frame is not None:
        if (file := frame.f_code.co_filename).startswith(_MARK):
            return node_of_marker(file)
        frame = frame.f_back
    return None


def _escaped(node: str) -> str:
    """A name without characters that a capture file cannot keep, such as lone surrogates."""
    return node.encode("unicode_escape").decode("ascii")


@cache
def _unescaped(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")
