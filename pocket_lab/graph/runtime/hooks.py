"""The hooks of a node: an error in a hook is logged and changes neither the result nor the first error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pocket_lab.graph.callables import fitted, is_async
from pocket_lab.graph.node import ARGUMENTS, Node

Hook = Callable[..., Any]

_AFTER_SUCCESS = ("on_success", "on_complete")
_AFTER_FAILURE = ("on_failure", "on_complete", "on_error")


def after_success(node: Node) -> Hook:
    """`call(store, output, ctx=)`: on_success(store, output), then on_complete(store); async where one of them is."""
    return _in_order(node, _AFTER_SUCCESS)


def after_failure(node: Node) -> Hook:
    """`call(store, error, ctx=)`: on_failure(store, error), on_complete(store), then on_error(error); async as above."""
    return _in_order(node, _AFTER_FAILURE)


def _in_order(node: Node, names: tuple[str, ...]) -> Hook:
    given = [(name, hook) for name in names if (hook := getattr(node, name)) is not None]
    hooks = [(name, *fitted(hook, ARGUMENTS[name])) for name, hook in given]

    def arguments(name: str, store: Any, outcome: Any) -> tuple[Any, ...]:
        return {"on_complete": (store,), "on_error": (outcome,)}.get(name, (store, outcome))

    def call(store: Any, outcome: Any, *, ctx: Any) -> None:
        for name, hook, takes_ctx in hooks:
            try:
                hook(*arguments(name, store, outcome), **({"ctx": ctx} if takes_ctx else {}))
            except Exception:  # foreign code raises what it likes
                import logging

                logging.getLogger("pocket_lab").exception('node "%s": its %s hook failed', node.name, name)

    async def call_on_loop(store: Any, outcome: Any, *, ctx: Any) -> None:
        for name, hook, takes_ctx in hooks:
            try:
                answer = hook(*arguments(name, store, outcome), **({"ctx": ctx} if takes_ctx else {}))
                if is_async(hook):
                    await answer
            except Exception:  # as above
                import logging

                logging.getLogger("pocket_lab").exception('node "%s": its %s hook failed', node.name, name)

    return call_on_loop if any(is_async(hook) for _, hook, _ in hooks) else call
