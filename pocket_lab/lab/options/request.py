"""What one call of a verb requests: its options, parsed once into one frozen object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

from pocket_lab.errors import UsageError, valid_unicode
from pocket_lab.lab.options.keywords import Watcher
from pocket_lab.lab.options.table import options_of
from pocket_lab.measure.job import Job
from pocket_lab.measure.option_value import parse_option
from pocket_lab.measure.planning import has_own_name
from pocket_lab.measure.sweep import SWEEP_OPTIONS, Sweep, parse_sweep, parse_swept, refuse_unknown

O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True, slots=True)
class Request(Generic[O]):
    """The points and how they are measured (`sweep`), the options of this verb alone (`own`), and who watches."""

    sweep: Sweep
    own: O
    input: Any
    name: str | None
    command_line: str | None
    watch: Watcher | None

    def target_name(self, target: Any) -> str | None:
        """What results call the target: None for its own name; a target without one takes that of the run."""
        return None if has_own_name(target) else self.name

    def run_name(self, job: Job) -> str:
        """The name of the run in the history, by default that of the target."""
        return valid_unicode(self.name) if self.name else job.points[0].target


def parse_request(verb: str, own: type[O], options: Mapping[str, Any]) -> Request[O]:
    """Parse the keywords of a verb; `own` is a dataclass with a field for each option that only this verb has.

    A budget of None, where it is the default of the verb, is no limit. Raises TypeError for an unknown keyword, with the
    nearest name, and UsageError for a value.
    """
    table = {option.name: option for option in options_of(verb)}
    refuse_unknown(verb, options, table)
    values = {name: options.get(name, option.default_of(verb)) for name, option in table.items()}
    swept = {name: value for name, value in values.items() if name in SWEEP_OPTIONS}
    parsed = {
        name: parse_option(name, option.parse, values[name], option.metavar)
        for name, option in table.items()
        if name not in swept
    }
    is_unlimited = values["budget"] is None and table["budget"].default_of(verb) is None
    if is_unlimited:
        del swept["budget"]
    elif table["budget"].default_of(verb) is None and values.get("isolation") == "kernel":
        raise UsageError('budget ends a process of its own, so it has no effect with isolation="kernel"')
    sweep = parse_sweep(**swept)
    return Request(
        replace(sweep, budget_s=math.inf) if is_unlimited else sweep,
        own(**{each.name: parsed[each.name] for each in fields(own)}),  # type: ignore[arg-type]
        parsed["input"],
        parsed["name"],
        parsed["command_line"],
        parsed["watch"],
    )


def with_workers(sweep: Sweep, workers: Any, executor: str | None) -> Sweep:
    """The sweep with other workers and another executor, where they are given."""
    own = {} if workers is None else {"workers": parse_swept("workers", workers)}
    if executor is not None:
        own["executors"] = parse_swept("executors", executor)
    return replace(sweep, **own)
