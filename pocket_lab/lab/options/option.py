"""An option of a verb: its name, parser, default, help, and the verbs and faces that take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Face = Literal["python", "magic", "shell"]
Kind = Literal["text", "flag", "object", "objects", "axes"]


def keep_value(value: Any) -> Any:
    """The parser of an option that takes any value."""
    return value


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table of options.

    `default` is the value in Python, `defaults` the verbs that have another one; `parse` takes text or a value and raises
    UsageError. `aliases` and `short` are further spellings on a command line. `kind` is "object" (or "objects", a list) for an
    expression of the notebook, which is "module:name" in the shell, "flag" for an option without a value there, and "axes" for
    one that is given once for each parameter, as name=values.
    `choices` are known values, for completion. `none` is what the default None of a verb means, for the help in Python.
    """

    name: str
    help: str
    verbs: tuple[str, ...]
    default: Any = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    parse: Callable[[Any], Any] = keep_value
    metavar: str | None = None
    short: str | None = None
    aliases: tuple[str, ...] = ()
    kind: Kind = "text"
    faces: tuple[Face, ...] = ("python", "magic", "shell")
    choices: tuple[str, ...] = ()
    none: str | None = None

    def default_of(self, verb: str) -> Any:
        """The default in Python of this option of a verb."""
        return self.defaults.get(verb, self.default)

    @property
    def flags(self) -> tuple[str, ...]:
        """The spellings on a command line: --name, its aliases, -n; --no-name for a flag that is on by default."""
        no = "no-" if self.is_on else ""
        names = [f"--{no}{name.replace('_', '-')}" for name in (self.name, *self.aliases)]
        return (*names, *([] if self.short is None else [self.short]))

    @property
    def is_on(self) -> bool:
        """Whether it is a flag that is on by default, so that a command line can only turn it off."""
        return self.kind == "flag" and self.default is True

    def help_of(self, verb: str, face: Face) -> str:
        """The help of a face; a command line also shows where objects come from, and the default."""
        default = self.default_of(verb)
        notes = []
        if face != "python":
            source = "an expression of this notebook" if face == "magic" else "module:name"
            notes += [source] if self.kind in ("object", "objects") else []
            notes += [f"default {default or 'none'}"] if isinstance(default, str) or verb in self.defaults else []
        elif self.none is not None and default is None:
            return f"{self.help}; None is {self.none}"
        help = f"do not {self.help}" if self.is_on and face != "python" else self.help
        return f"{help} ({'; '.join(notes)})" if notes else help
