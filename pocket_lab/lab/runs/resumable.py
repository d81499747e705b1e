"""The stored run that `bench(resume=True)` continues."""

from __future__ import annotations

from pocket_lab.analysis.environments import differences
from pocket_lab.errors import UsageError
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import Entry
from pocket_lab.lab.runs.stored_options import checked_options
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.method import method_differences
from pocket_lab.measure.sweep import Sweep, sweep_options
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.record import Record


def find_resumable(name: str | None, sweep: Sweep, code: str | None) -> tuple[Entry, list[Record]]:
    """The run of that name and its records; raises UsageError if its machine, its method or the target's code differ.

    Another git revision of the working directory is a Caveat among the records.
    """
    if name is None:
        raise UsageError("resume=True continues a run of the history: give its name")
    with Archive() as archive:
        entry = archive.find(name, "bench")
        records = archive.records(entry)
    options = checked_options(entry)
    for option, earlier, _ in method_differences(options.get("sweep", {}), sweep_options(sweep)):
        raise UsageError(
            f'the run "{name}" was made with {option}={earlier!r}: resume it with that, or start a new run under another name'
        )
    earlier_code = options.get("code")  # None where it is not known
    if None not in (earlier_code, code) and earlier_code != code:
        raise UsageError(
            f'the code of the target, or of its input, has changed since the run "{name}" was made: start a new run under '
            "another name, since one result cannot mix the two"
        )
    there, here = next((r for r in records if isinstance(r, Environment)), None), read_environment()
    if there is not None and (differing := differences(there, here)):
        raise UsageError(f'the run "{name}" was made with another {", ".join(differing)}: start a new run under another name')
    if there is not None and there.revision != here.revision:
        message = f"started at the git revision {there.revision}, resumed at {here.revision}: the code may have changed between"
        records.append(Caveat("other-revision", message))
    return entry, records
