"""Completion of the options of the magics, as a matcher of IPython's completer."""

from __future__ import annotations

import re
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from pocket_lab.lab.options.completion import complete

_MAGIC = re.compile(r"%pocket_(\w+)\s")


@context_matcher()
def match_options(context: CompletionContext) -> SimpleMatcherResult:
    """The options of the magic on the line of the cursor, or the values of the option before it; nothing elsewhere."""
    line, token = context.text_until_cursor, context.token
    magic = _MAGIC.search(line)
    before = line[: len(line) - len(token)]
    found = [] if magic is None else complete(magic[1], "magic", before, token)
    return {"completions": [SimpleCompletion(text, type="param") for text in found], "suppress": bool(found)}


def install(shell: Any) -> None:
    """Add the matcher to a shell."""
    uninstall(shell)
    shell.Completer.custom_matchers.append(match_options)


def uninstall(shell: Any) -> None:
    """Remove the matcher from a shell."""
    shell.Completer.custom_matchers[:] = [
        matcher for matcher in shell.Completer.custom_matchers if getattr(matcher, "__module__", "") != __name__
    ]
