"""Several objects pickled one after the other: those that cannot be pickled are lost alone."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import IO, Any

from pocket_lab.executors.faults.lost_parts import PLAIN, Lost
from pocket_lab.executors.pickling import Pickler, dumps

_DEEPEST = 8
_MOST_PARTS = 10_000
_AS_A_LIST = "make it a list"


def dump_parts(objects: Sequence[Any]) -> bytes:
    """The objects one after the other, with what several refer to once; `Lost` instead of those that cannot be pickled."""
    if len(objects) == 1:
        return dump_result(objects[0])
    for kind in (_standard, Pickler):
        try:
            return _dumped(kind, objects)
        except Exception:  # any class may fail to pickle in its own way
            continue
    return _dumped(Pickler, [_sendable(value) for value in objects])


def load_parts(pickled: bytes, number: int) -> list[Any]:
    """So many objects rebuilt: `Lost` instead of the first that cannot be and of those behind it, which may refer to it."""
    if number == 1:
        return [load(pickled)]
    unpickler = pickle.Unpickler(io.BytesIO(pickled))
    found: list[Any] = []
    try:
        for _ in range(number):
            found.append(unpickler.load())
    except Exception as error:  # any class may fail to unpickle in its own way
        found.extend([Lost(_text(error), error)] * (number - len(found)))
    return found


def dump_result(value: Any) -> bytes:
    """The object pickled by the standard library, which is fast, or as by `pickling.dumps`; or `Lost` instead of it."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # as above
        return dump(value)


def dump(value: Any) -> bytes:
    """The object pickled as by `pickling.dumps`, or `Lost` instead of it."""
    try:
        return dumps(value)
    except Exception as error:  # as above
        return dumps(_lost(value, error))


def load(pickled: bytes) -> Any:
    """The object rebuilt, or `Lost` instead of it."""
    try:
        return pickle.loads(pickled)
    except Exception as error:  # as above
        return Lost(_text(error), error)


def _standard(file: IO[bytes]) -> pickle.Pickler:
    """A pickler of the standard library, which is fast."""
    return pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)


def _dumped(kind: Callable[[IO[bytes]], Any], objects: Sequence[Any]) -> bytes:
    buffer = io.BytesIO()
    pickler = kind(buffer)
    for value in objects:
        pickler.dump(value)
    return buffer.getvalue()


def _sendable(value: Any) -> Any:
    try:
        dumps(value)
    except Exception as error:  # as above
        return _lost(value, error)
    return value


def _lost(value: Any, error: Exception) -> Lost:
    return Lost(unpicklable(value, error), advice=_AS_A_LIST if isinstance(value, Iterator) else PLAIN)


def unpicklable(value: Any, error: Exception) -> str:
    """What in the object cannot be pickled, and why: the innermost part that fails, by its path."""
    path, seen = "", {id(value)}
    with suppress(Exception):  # a foreign object may refuse to show its parts
        for _ in range(_DEEPEST):
            found = next(_failing(value, seen), None)
            if found is None:
                break
            step, value, error = found
            path += step
    kind = type(value).__qualname__
    where = f"its part {path} is of type {kind}" if path else f"it is of type {kind}"
    return f"{where}, {_text(error)}"


def _failing(value: Any, seen: set[int]) -> Iterator[tuple[str, Any, Exception]]:
    for step, part in _parts_of(value):
        if id(part) not in seen:
            seen.add(id(part))
            try:
                dumps(part)
            except Exception as error:  # as above
                yield step, part, error


def _parts_of(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of an object that are pickled with it, as they are written behind its name."""
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", part) for key, part in list(value.items())[:_MOST_PARTS])
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", part) for index, part in enumerate(value[:_MOST_PARTS]))
    elif type(state := getattr(value, "__dict__", None)) is dict and not isinstance(value, type):
        yield from ((f".{name}", part) for name, part in state.items())


def _text(error: BaseException) -> str:
    """The type and the first line of an error."""
    try:
        lines = str(error).splitlines()
    except Exception:  # a foreign __str__ may raise anything
        lines = []
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
