"""A task and its job as bytes for a measuring process, with the world around them.

An error names the object that cannot be pickled.
"""

from __future__ import annotations

import inspect
import io
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any, Protocol

from pocket_lab.errors import UsageError
from pocket_lab.executors.faults.foreign import answer_of, is_a, notes_of
from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.executors.outcome import text_of, user_frames
from pocket_lab.executors.pickling import Pickler, dumps
from pocket_lab.graph.callables import declared
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.worker.kernel_names import explained
from pocket_lab.measure.worker.native_limit import NativeLimit
from pocket_lab.measure.worker.world import Doubts, World

_NOT_REBUILT = (
    "an object that the target uses cannot be rebuilt in the measuring process: build it inside the function that uses it, or "
    'measure in place with isolation="kernel"'
)
_IMPORTED_AGAIN = (
    "the measuring process imports the file as it is now: correct it, or measure what the calling process has loaded with "
    'isolation="kernel"'
)
_DEEPEST = 20  # objects inside each other, of which the one that cannot be pickled is named


class Sendable(Protocol):
    """A job for a measuring process."""

    @property
    def hint(self) -> str:
        """What to do where a part cannot be pickled."""

    @property
    def native_limit(self) -> NativeLimit | None:
        """The native threads of its process and of each worker; None where they are left alone."""

    def parts(self) -> dict[str, Any]:
        """The user's objects in it, by name."""


def dump(task: Callable[..., Any], job: Sendable) -> bytes:
    """The pickled world, (task, job), and the functions and classes of the main module in it.

    Raises a UsageError that names the object which cannot be pickled, with a hint.
    """
    buffer = io.BytesIO()
    try:
        pickler = Pickler(buffer)
        pickler.dump((task, job))
        pickler.dump(pickler.main)  # by the same pickler, so that they are the same objects as those of the job
    except BaseException as error:  # any class may fail to pickle in its own way
        INTERRUPTS.pass_on(error)
        name, reason = _culprit(job, error)
        raise UsageError(f"{name} cannot be sent to the measuring process ({_text(reason)}); {job.hint}") from error
    return dumps(World.here(pickler, job.parts().values())) + buffer.getvalue()


def load(payload: bytes) -> tuple[Callable[..., Any], Any, Doubts]:
    """In the measuring process: enter the world, then load the task and its job; raises what the user's modules raise."""
    source = io.BytesIO(payload)
    world: World = pickle.load(source)
    world.enter()
    unpickler = pickle.Unpickler(source)
    try:
        task, job = unpickler.load()
        main = unpickler.load()
    except SyntaxError as error:  # of a module that was edited after the calling process had imported it
        where = f"{error.filename or 'a module'}, line {error.lineno}: {error.msg}"
        raise UsageError(f"{where}; {_IMPORTED_AGAIN}") from error
    except BaseException as error:
        is_explained = len(notes_of(error)) < len(notes_of(explained(error)))
        if not is_explained and all(function != "<module>" for *_, function in user_frames(error)):  # no module raised it
            answer_of(partial(BaseException.add_note, error, _NOT_REBUILT), lambda: None)
        raise
    return task, job, world.settle(main)


def _text(error: BaseException) -> str:
    """What the error says; its type where it says nothing, or is no Exception."""
    text = answer_of(lambda: str(error), str)
    return text if text and is_a(error, Exception) else text_of(error).removesuffix(": ")


def _culprit(job: Sendable, error: BaseException) -> tuple[str, BaseException]:
    name, parts = "the job", job.parts()
    seen: dict[int, Any] = {}  # objects may refer to each other in circles, and make up new ones without end
    for _ in range(_DEEPEST):
        found = _unpicklable({path: part for path, part in parts.items() if id(part) not in seen}, error)
        if found is None:
            break
        name, part, error = found
        seen[id(part)] = part
        parts = {f"{name}: {path}": value for path, value in _parts(part)}
    return name, error


def _unpicklable(parts: dict[str, Any], error: BaseException) -> tuple[str, Any, BaseException] | None:
    for name, part in parts.items():
        try:
            dumps(part)
        except BaseException as found:  # as above
            INTERRUPTS.pass_on(found)
            return name, part, found
    return None


def _parts(obj: Any) -> Iterator[tuple[str, Any]]:
    """The named parts of an object that are pickled with it."""
    if isinstance(obj, Graph):
        yield from ((f'node "{node.name}"', node) for node in obj.nodes.values())
        yield "store", obj.store
    elif isinstance(obj, Node):
        yield from obj.phases()
        yield from ((f'node "{node.name}"', node) for node in obj.inner())
    elif type(obj) is FunctionType:
        used = inspect.getclosurevars(obj)
        yield from ((f'variable "{name}"', value) for name, value in {**used.nonlocals, **used.globals}.items())
    elif isinstance(obj, dict):
        yield from ((f"key {key!r}", value) for key, value in obj.items())
    elif type(declared(obj, "__dict__")) is dict and not inspect.ismodule(obj):
        yield from ((f'attribute "{name}"', value) for name, value in vars(obj).items())
