"""A node: one named, immutable step with the life cycle prep, exec, fallback, post."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pocket_lab.errors import GraphError, UsageError
from pocket_lab.graph.callables import declared, fitted, is_async
from pocket_lab.graph.path import Linkable
from pocket_lab.units import parse_duration

if TYPE_CHECKING:
    from pocket_lab.graph.observers import Observer
    from pocket_lab.graph.site import Site

ARGUMENTS = {"prep": 2, "exec": 1, "fallback": 2, "post": 4, "on_success": 2, "on_failure": 2, "on_complete": 1, "on_error": 1}
Function = Callable[..., Any]
T = TypeVar("T")


@dataclass(slots=True)  # not frozen: that would triple what one costs, and a loop makes one each time round
class Route(Generic[T]):
    """Returned by a node's function: the output, and the action that chooses the next node."""

    value: T
    action: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Try prep and exec `retries` times more, after `delay`, each wait `backoff` times the last, at most `max_delay`.

    No attempt is made that a deadline would not leave time for.
    """

    retries: int = 0
    delay: float | str = 0.0
    backoff: float = 1.0
    max_delay: float | str = 60.0

    def __post_init__(self) -> None:
        if not isinstance(self.retries, int) or self.retries < 0 or not self.backoff >= 1:
            raise GraphError(f"{self}: retries start at 0 and the back-off factor at 1")
        for option, value in (("delay", self.delay), ("max_delay", self.max_delay)):
            try:
                parse_duration(value)
            except UsageError as error:
                raise GraphError(f"Retry({option}=...): {error}") from None

    def waits_s(self) -> list[float]:
        """The seconds to wait before each further attempt."""
        wait_s, most_s = parse_duration(self.delay), parse_duration(self.max_delay)
        waits_s = []
        for _ in range(self.retries):
            waits_s.append(min(wait_s, most_s))
            wait_s = min(wait_s * self.backoff, most_s)
        return waits_s


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node(Linkable):
    """One named step; calling it calls its exec function.

    prep(store, input) gives the argument of exec, with a read-only store (default: the input). exec(prepared) has no
    store (default: what was prepared). fallback(prepared, error) replaces the result of an exec whose attempts all failed.
    post(store, input, prepared, result) returns (output, action) (default: the result and "default"). A function may return
    a Route instead of a plain output, and each may be async. One that has a parameter `ctx` besides those for its arguments
    receives the Context of the run there; where `ctx` is needed for an argument, as in exec(ctx), it receives that.

    `timeout` bounds the whole life cycle with its retries. An async function is stopped at that moment; for a plain one it
    is noticed when the function returns or calls `ctx.check()`. A fallback and the post after it are not bound by it.

    Hooks: on_success(store, output) or on_failure(store, error), then on_complete(store), then on_error(error) after a
    failure. A failure is whatever ended the node, a cancellation too. What a hook raises is logged.
    """

    name: str
    exec: Function | None = None
    prep: Function | None = None
    post: Function | None = None
    fallback: Function | None = None
    retry: Retry = Retry()
    timeout: float | str | None = None
    on_success: Function | None = None
    on_failure: Function | None = None
    on_complete: Function | None = None
    on_error: Function | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise GraphError(f"a node needs a name, got {self.name!r}")
        for phase, function in [*self.phases(), *self.hooks()]:
            if not callable(function):
                raise GraphError(f'node "{self.name}": {phase} is {function!r}, which cannot be called')
            try:
                fitted(function, ARGUMENTS[phase])
            except TypeError as error:
                raise GraphError(
                    f'node "{self.name}": {phase} has a parameter ctx, and cannot be called with {_given(phase)} and the '
                    f"Context ({error}): give ctx another name if it is no Context"
                ) from None
        if not isinstance(self.retry, Retry):
            raise GraphError(f'node "{self.name}": retry is {self.retry!r}, not a Retry')
        try:
            self.timeout_s  # noqa: B018 (it checks the text)
        except UsageError as error:
            raise GraphError(f'node "{self.name}": timeout={error}') from None

    def phases(self) -> list[tuple[str, Function]]:
        """The functions of this node with the names of their phases, in the order in which they run."""
        named = [("prep", self.prep), ("exec", self.exec), ("fallback", self.fallback), ("post", self.post)]
        return [(phase, function) for phase, function in named if function is not None]

    def hooks(self) -> list[tuple[str, Function]]:
        """The hooks of this node with their names."""
        named = [("on_success", self.on_success), ("on_failure", self.on_failure)]
        named += [("on_complete", self.on_complete), ("on_error", self.on_error)]
        return [(name, function) for name, function in named if function is not None]

    @property
    def timeout_s(self) -> float | None:
        """The timeout in seconds; None where there is none."""
        return None if self.timeout is None else parse_duration(self.timeout)

    @property
    def is_async(self) -> bool:
        """Whether the node needs an event loop: a function of it, or of a node inside it, is async."""
        return self.has_async

    @property
    def has_async(self) -> bool:
        """Whether a function of the node itself is async."""
        return any(is_async(function) for _, function in [*self.phases(), *self.hooks()])

    def as_node(self) -> Node:
        """The node itself."""
        return self

    def inner(self) -> tuple[Node, ...]:
        """The nodes that run inside this one (none, but for combinators)."""
        return ()

    @property
    def depth(self) -> int:
        """How many graphs inside this node are in each other."""
        return 0

    def body(self, on_loop: bool, observers: Sequence[Observer], site: Site) -> Function | None:
        """The function called as exec(prepared, store=, ctx=) by combinators, None for others; may be async with `on_loop`."""
        return None

    @property
    def fans_out(self) -> bool:
        """Whether the node gives work to the workers of a run."""
        return False

    def with_(self, **changes: Any) -> Node:
        """A copy with some fields changed, for example `score.with_(retry=Retry(2))`."""
        return replace(self, **changes)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The exec function itself: `tokenize("x")`."""
        if self.exec is None:
            raise GraphError(f'node "{self.name}" has no exec function to call')
        return self.exec(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        """By reference from a module that can be imported, by value from `__main__` and from inside functions."""
        if (location := self._location()) is not None:
            return _find, location
        return object.__reduce_ex__(self, protocol)

    def _location(self) -> tuple[str, str] | None:
        function = self.exec or self.post or self.prep
        module, path = declared(function, "__module__"), declared(function, "__qualname__")
        if not isinstance(module, str) or not isinstance(path, str) or module == "__main__" or module not in sys.modules:
            return None
        return (module, path) if _find(module, path, None) is self else None


def _name_of(function: Any) -> str:
    name = declared(function, "__name__")
    return name if isinstance(name, str) else ""


def _given(phase: str) -> str:
    """The arguments of a phase in words."""
    count = ARGUMENTS[phase]
    return f"its {count} arguments" if count > 1 else "its argument"


def _find(module: str, path: str, *default: Any) -> Any:
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name, *default)
    return found


@overload
def node(function: Function, /) -> Node: ...
@overload
def node(
    *,
    name: str | None = None,
    prep: Function | None = None,
    post: Function | None = None,
    fallback: Function | None = None,
    retry: Retry = Retry(),
    timeout: float | str | None = None,
    on_success: Function | None = None,
    on_failure: Function | None = None,
    on_complete: Function | None = None,
    on_error: Function | None = None,
) -> Callable[[Function], Node]: ...
def node(function: Function | None = None, /, *, name: str | None = None, **options: Any) -> Node | Callable[[Function], Node]:
    """Make a function a Node of its name: `@node`, or `@node(retry=Retry(2), ...)` with the fields of Node."""

    def decorate(function: Function) -> Node:
        return Node(name or _name_of(function), exec=function, **options)

    return decorate if function is None else decorate(function)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Every node once, those inside others too, outer ones first."""
    seen: set[Node] = set()
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting += node.inner()[::-1]
