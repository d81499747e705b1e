"""The outcome of one item, and how an error returns from a worker process with its traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, repeat
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from pocket_lab.errors import StoredError, TargetAborted
from pocket_lab.executors.faults.foreign import answer_of, cause_of, is_a, notes_of, own_attribute, set_cause, traceback_of
from pocket_lab.executors.faults.forks import FORKS
from pocket_lab.executors.faults.frames import is_machinery

FrameTuple = tuple[str, int, str]
Link = tuple[str | None, str, tuple[FrameTuple, ...]]

_REMOTE_FRAMES = "_pocket_lab_frames"
_LONGEST_TEXT, _LARGEST_PICKLE = 10_000, 16 << 20  # characters, bytes
_MOST_FRAMES, _MOST_LINKS = 200, 20


class Outcome(NamedTuple):  # made four times faster than a frozen dataclass, and there is one for each item
    """The result of one item, or the exception that it raised."""

    index: int  # type: ignore[assignment]  # instead of the method of tuples
    value: Any
    error: BaseException | None = None

    @property
    def ends_call(self) -> bool:
        """Whether the exception ends the whole call, as KeyboardInterrupt and SystemExit do: it is no Exception."""
        return self.error is not None and not is_a(self.error, Exception)

    def get(self) -> Any:
        """The result; raises the exception."""
        if self.error is not None:
            raise self.error
        return self.value


_new_outcome = cast("Callable[[tuple[int, Any, BaseException | None]], Outcome]", partial(tuple.__new__, Outcome))


class Outcomes:
    """The outcomes of successive items, of which the first has the number `first`; made when they are iterated.

    `values` has the results, None for an item that raised; `errors` what items raised, by their numbers. Not empty.
    """

    __slots__ = ("errors", "first", "values")

    def __init__(self, first: int, values: list[Any], errors: Mapping[int, BaseException] = MappingProxyType({})) -> None:
        self.first = first
        self.values = values
        self.errors = errors

    @classmethod
    def listed(cls, outcomes: Sequence[Outcome]) -> Outcomes:
        """Those of a list."""
        errors = {outcome.index: outcome.error for outcome in outcomes if outcome.error is not None}
        return cls(outcomes[0].index, [outcome.value for outcome in outcomes], errors)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Outcome]:
        errors = map(self.errors.get, count(self.first)) if self.errors else repeat(None)
        return map(_new_outcome, zip(count(self.first), self.values, errors, strict=False))

    def raise_end(self) -> None:
        """Raise what ends the whole call, if it is the last one here."""
        error = self.errors.get(self.first + len(self.values) - 1)
        if error is not None and not is_a(error, Exception):
            raise error


class RemoteTraceback(Exception):
    """The cause of an error that was raised in another process; `frames` are its frames there: (file, line, function)."""

    def __init__(self, frames: tuple[FrameTuple, ...], is_stored: bool = False) -> None:
        super().__init__(frames, is_stored)
        self.frames = frames
        self.is_stored = is_stored

    def __str__(self) -> str:
        return "\n" + "".join(format_frames(self.frames, self.is_stored))


def attempt(function: Callable[[Any], Any], index: int, item: Any) -> Outcome:
    """The outcome of calling the function on one item, whatever it raises; a process that it forks ends here."""
    forks = FORKS.count
    try:
        value = function(item)
    except BaseException as error:
        if FORKS.count != forks:
            FORKS.end_child(error)
        return Outcome(index, None, error)
    if FORKS.count != forks:
        FORKS.end_child()
    return Outcome(index, value)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its chain of causes, outermost first, each once."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and not is_a(link, RemoteTraceback) and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = cause_of(link)


def root_cause(error: BaseException) -> BaseException:
    """The exception that started the chain of causes, which is the user's own."""
    return list(chain(error))[-1]


def user_frames(error: BaseException) -> tuple[FrameTuple, ...]:
    """The frames of the user's own code that led to the error, outermost first, across processes.

    Frames of this package and of the pools are left out, and so are the frames above them: those of the caller of a verb.
    """
    if (remote := own_attribute(error, _REMOTE_FRAMES)) is not None:
        return tuple(remote)
    import traceback

    frames = [(frame.filename, frame.lineno or 0, frame.name) for frame in traceback.extract_tb(traceback_of(error))]
    start = next((index for index, frame in enumerate(frames) if is_machinery(frame[0])), 0)
    return tuple(frame for frame in frames[start:] if not is_machinery(frame[0]))


def format_frames(frames: Iterable[FrameTuple], is_stored: bool = False) -> list[str]:
    """Frames as a traceback has them, with their source lines; without them for a stored run.

    Its source may have changed since, and its frames may name any file, also one whose reading never ends.
    """
    import traceback

    lines = [(*frame, "" if is_stored or "\0" in frame[0] else None) for frame in frames]  # with a null, no file has that name
    return traceback.StackSummary.from_list(lines).format()


def text_of(error: BaseException) -> str:
    """The type, the message, also if `__str__` fails, and in brackets the notes of an error; at most 10,000 characters."""
    kind = "" if is_a(error, StoredError) else f"{type(error).__name__}: "
    text = kind + answer_of(lambda: str(error), lambda: "(an error without a printable text)")
    text += "".join(f" ({note})" for note in notes_of(error))
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[:_LONGEST_TEXT]}… ({len(text) - _LONGEST_TEXT:,} more characters)"


def pack_error(error: BaseException) -> tuple[Link, ...]:
    """The chain of an error as (base64 pickle, text, frames), innermost last; without a pickle if that is impossible.

    Of a long chain the outer and the inner links are kept, of a deep stack the outer and the inner frames.
    """
    import base64

    from pocket_lab.executors.pickling import dumps  # here, as it loads much

    links = list(chain(error))
    packed = []
    for link in links if len(links) <= _MOST_LINKS else links[: _MOST_LINKS // 2] + links[-_MOST_LINKS // 2 :]:
        pickled = answer_of(partial(dumps, link), bytes)
        sent = base64.b64encode(pickled).decode("ascii") if len(pickled) <= _LARGEST_PICKLE else ""
        packed.append((sent, text_of(link), _without_middle(user_frames(link))))
    return tuple(packed)


def _without_middle(frames: tuple[FrameTuple, ...]) -> tuple[FrameTuple, ...]:
    left_out = len(frames) - _MOST_FRAMES
    if left_out <= 0:
        return frames
    half = _MOST_FRAMES // 2
    return (*frames[:half], ("…", 0, f"({left_out:,} frames left out)"), *frames[-half:])


def unpack_error(packed: Iterable[Link]) -> BaseException:
    """The error rebuilt, each link with its remote frames; one that cannot be rebuilt becomes a RuntimeError of its text.

    A link of a stored run has no pickle: it becomes a StoredError.
    """
    cause: BaseException | None = None
    for pickled, text, frames in reversed(list(packed)):
        error = StoredError(text) if pickled is None else _unpickled(pickled, text)
        remote = tuple((file, line, function) for file, line, function in frames)
        object.__setattr__(error, _REMOTE_FRAMES, remote)
        set_cause(error, RemoteTraceback(remote, is_stored=pickled is None) if cause is None else cause)
        cause = error
    assert cause is not None, "the chain of an error contains at least the error"
    return cause


def _unpickled(pickled: str, text: str) -> BaseException:
    """An error that another process of this measurement has just sent."""
    import base64

    import cloudpickle

    error = answer_of(lambda: cloudpickle.loads(base64.b64decode(pickled)), lambda: None)
    return error if is_a(error, BaseException) else RuntimeError(text)


def as_exception(error: BaseException) -> Exception:
    """The error of a target, to be raised here: one that would end this program is the cause of a TargetAborted."""
    if is_a(error, Exception):
        return cast(Exception, error)
    aborted = TargetAborted(f"the target ended its run with {text_of(error)}")
    aborted.__cause__ = error
    return aborted
