"""The outcome of one item, and how an error returns from a worker process with its traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from os.path import dirname, join, realpath
from typing import Any

FrameTuple = tuple[str, int, str]
Link = tuple[str, str, tuple[FrameTuple, ...]]

_REMOTE_FRAMES = "_pocket_lab_frames"
_PACKAGE = dirname(dirname(realpath(__file__)))
_EXAMPLE = join(_PACKAGE, "demo.py")
_MACHINERY = (f"{_PACKAGE}/", "/concurrent/futures/", "/loky/", "/threading.py", "/asyncio/", "<node:")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one item, or the exception that it raised."""

    index: int
    value: Any
    error: BaseException | None = None

    def get(self) -> Any:
        """The result; raises the exception."""
        if self.error is not None:
            raise self.error
        return self.value


class RemoteTraceback(Exception):
    """The cause of an error that was raised in another process; `frames` are its frames there: (file, line, function)."""

    def __init__(self, frames: tuple[FrameTuple, ...]) -> None:
        super().__init__(frames)
        self.frames = frames

    def __str__(self) -> str:
        import traceback

        return "\n" + "".join(traceback.StackSummary.from_list([(*frame, None) for frame in self.frames]).format())


def attempt(function: Callable[[Any], Any], index: int, item: Any) -> Outcome:
    """The outcome of calling the function on one item; KeyboardInterrupt and SystemExit are raised."""
    try:
        return Outcome(index, function(item))
    except Exception as error:
        return Outcome(index, None, error)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its chain of causes, outermost first, each once."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and not isinstance(link, RemoteTraceback) and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__


def root_cause(error: BaseException) -> BaseException:
    """The exception that started the chain of causes, which is the user's own."""
    return list(chain(error))[-1]


def user_frames(error: BaseException) -> tuple[FrameTuple, ...]:
    """The frames of the user's own code that led to the error, outermost first, across processes.

    Frames of this package and of the pools are left out, and so are the frames above them: those of the caller of a verb.
    """
    if (remote := getattr(error, _REMOTE_FRAMES, None)) is not None:
        return tuple(remote)
    import traceback

    frames = [(frame.filename, frame.lineno or 0, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    start = next((index for index, frame in enumerate(frames) if is_machinery(frame[0])), 0)
    return tuple(frame for frame in frames[start:] if not is_machinery(frame[0]))


def is_machinery(file: str) -> bool:
    """Whether a file belongs to this package, to the pools or to the event loop, and not to the user."""
    return file != _EXAMPLE and any(part in file for part in _MACHINERY)


def text_of(error: BaseException) -> str:
    """The type and the message of an error, also if its `__str__` fails."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a foreign __str__ may raise anything
        return f"{type(error).__name__}: (an error without a printable text)"


def pack_error(error: BaseException) -> tuple[Link, ...]:
    """The chain of an error as (base64 pickle, text, frames), innermost last; without a pickle if that is impossible."""
    import base64

    import cloudpickle

    packed = []
    for link in chain(error):
        try:
            pickled = base64.b64encode(cloudpickle.dumps(link)).decode("ascii")
        except Exception:  # any class may fail to pickle in its own way
            pickled = ""
        packed.append((pickled, text_of(link), user_frames(link)))
    return tuple(packed)


def unpack_error(packed: Iterable[Link]) -> BaseException:
    """The error rebuilt, each link with its remote frames; one that cannot be rebuilt becomes a RuntimeError of its text."""
    import base64

    import cloudpickle

    cause: BaseException | None = None
    for pickled, text, frames in reversed(list(packed)):
        try:
            error = cloudpickle.loads(base64.b64decode(pickled))
            if not isinstance(error, BaseException):
                raise TypeError(text)
        except Exception:  # as above: a foreign __reduce__ may raise anything
            error = RuntimeError(text)
        remote = tuple((file, line, function) for file, line, function in frames)
        with suppress(Exception):  # a class may forbid it
            setattr(error, _REMOTE_FRAMES, remote)
        error.__cause__ = cause or RemoteTraceback(remote)
        cause = error
    assert cause is not None, "the chain of an error contains at least the error"
    return cause
