"""A node: one named, immutable step with the life cycle prep, exec, fallback, post."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

from pocket_lab.errors import GraphError
from pocket_lab.graph.path import Linkable
from pocket_lab.units import parse_duration

if TYPE_CHECKING:
    from pocket_lab.graph.context import Context
    from pocket_lab.graph.store import Store

Function = Callable[..., Any]
Step = Callable[[Any, "Store", "Context"], tuple[Any, str]]


@dataclass(frozen=True, slots=True)
class Route:
    """Returned by a node's function: the output, and the action that chooses the next node."""

    value: Any
    action: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Try prep and exec `retries` times more, after `delay`, each wait `backoff` times the last, at most `max_delay`."""

    retries: int = 0
    delay: float | str = 0.0
    backoff: float = 1.0
    max_delay: float | str = 60.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.backoff < 1:
            raise GraphError(f"{self}: retries start at 0 and the back-off factor at 1")
        parse_duration(self.delay)
        parse_duration(self.max_delay)

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
    store (default: what was prepared). fallback(prepared, error) replaces the result of an exec that failed for good.
    post(store, input, prepared, result) returns (output, action) (default: the result and "default"). A function that
    has a parameter `ctx` receives the Context of the run. A function may return a Route instead of a plain output.
    """

    name: str
    exec: Function | None = None
    prep: Function | None = None
    post: Function | None = None
    fallback: Function | None = None
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise GraphError(f"a node needs a name, got {self.name!r}")
        for phase, function in self.phases():
            if not callable(function):
                raise GraphError(f'node "{self.name}": {phase} is {function!r}, which cannot be called')
            if inspect.iscoroutinefunction(function):
                raise GraphError(
                    f'node "{self.name}": {phase} is an async function, which this version does not run; '
                    "call asyncio.run inside a plain function"
                )

    def phases(self) -> list[tuple[str, Function]]:
        """The functions of this node with the names of their phases, in the order in which they run."""
        named = [("prep", self.prep), ("exec", self.exec), ("fallback", self.fallback), ("post", self.post)]
        return [(phase, function) for phase, function in named if function is not None]

    def as_node(self) -> Node:
        """The node itself."""
        return self

    def inner(self) -> tuple[Node, ...]:
        """The nodes that run inside this one (none, but for combinators)."""
        return ()

    def step(self) -> Step | None:
        """What the plan runs instead of this node's own phases (nothing, but for combinators)."""
        return None

    @property
    def spreads(self) -> bool:
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
        if (place := self._place()) is not None:
            return _find, place
        return object.__reduce_ex__(self, protocol)

    def _place(self) -> tuple[str, str] | None:
        function = self.exec or self.post or self.prep
        module, path = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
        if module is None or module == "__main__" or module not in sys.modules:
            return None
        return (module, path) if _find(module, path, None) is self else None


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
) -> Callable[[Function], Node]: ...
def node(function: Function | None = None, /, *, name: str | None = None, **options: Any) -> Node | Callable[[Function], Node]:
    """Make a function a Node of its name: `@node`, or `@node(retry=Retry(2), ...)` with the fields of Node."""

    def decorate(function: Function) -> Node:
        return Node(name or str(getattr(function, "__name__", "")), exec=function, **options)

    return decorate if function is None else decorate(function)
