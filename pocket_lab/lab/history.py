"""History: every earlier run, by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pocket_lab.analysis.compare.ratio import MARGIN
from pocket_lab.errors import HistoryError, UsageError, printable
from pocket_lab.executors.outcome import text_of
from pocket_lab.frames.runs import history_frame
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import Entry
from pocket_lab.history.errors import quoted
from pocket_lab.lab.compare import Comparison
from pocket_lab.lab.load_stored import read_bench
from pocket_lab.lab.options.table import PROFILES
from pocket_lab.lab.profile_verb import ProfileVerb
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.stored_options import checked_options
from pocket_lab.view.html import page
from pocket_lab.view.text.history_table import history_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Key = str | int
_MOST_OF_ERROR = 200


class History:
    """The runs of every verb, kept as they were measured; a key is a name (the newest run of it), a number, or "fit#12".

    They are in `history.db` in the folder POCKET_LAB_HOME, by default the user's data folder; `path` names another file.
    Every method raises HistoryError where the file cannot be read or written, or has no such run.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = None if path is None else Path(path)
        with self._archive() as archive:
            self.path = archive.path

    @property
    def frame(self) -> pd.DataFrame:
        """One row per run, newest first: id, name, verb, target, started_at, seconds, status, tags, machine_ratio and more."""
        with self._archive() as archive:
            return history_frame(archive.entries())

    @property
    def table(self) -> TextTable:
        """The frame as text."""
        return history_table(self.frame)

    def plot(self, ax: Axes | None = None) -> Figure:
        """How fast the machine was in each run, by its reference workloads; on the given axes, or as a new figure."""
        from pocket_lab.view.plots.history import machine_figure, plot_machine  # here, as matplotlib is slow to load

        if ax is None:
            return machine_figure(self.frame)
        plot_machine(ax, self.frame)
        figure: Figure = ax.figure  # type: ignore[assignment]
        return figure

    def load(self, key: Key) -> Result:
        """The result of a run, of the same kind as its verb returned."""
        with self._archive() as archive:
            return _whole(archive, archive.find(key))

    def delete(self, key: Key) -> None:
        """Delete a run and all that was measured in it."""
        with self._archive() as archive:
            archive.delete(archive.find(key))

    def tag(self, key: Key, *tags: str) -> None:
        """Add tags to a run."""
        with self._archive() as archive:
            archive.tag(archive.find(key), *tags)

    def untag(self, key: Key, *tags: str) -> None:
        """Remove tags from a run."""
        with self._archive() as archive:
            archive.untag(archive.find(key), *tags)

    def rename(self, key: Key, name: str) -> None:
        """Give a run another name."""
        with self._archive() as archive:
            archive.rename(archive.find(key), name)

    def command_line(self, key: Key) -> str | None:
        """The line of the magic or the command that started a run; None where it was called from Python."""
        with self._archive() as archive:
            command_line: str | None = checked_options(archive.find(key)).get("command_line")
        return command_line

    def __str__(self) -> str:
        return printable(f"History {self.path}\n\n{self.table.to_text()}")

    def __repr__(self) -> str:
        return f"<History {str(self.path)!r}, {len(self.frame)} runs>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        html = page.fragment("History", [self.table.to_html(), page.note(str(self.path))])
        return {"text/plain": str(self), "text/html": str(html)}

    def _archive(self) -> Archive:
        return Archive(self._path)


def use_history(
    run: Key | None = None, delete: bool = False, rename: str | None = None, tag: str | None = None, untag: str | None = None
) -> Result | History:
    """Change one run and return the history, or return one run, or the history; tags are separated by commas.

    Raises UsageError for a change without a run and for several changes at once.
    """
    history = History()
    changes = [delete, rename, tag, untag]
    if run is None:
        if any(map(_is_given, changes)):
            raise UsageError("give the name or the number of the run to change")
        return history
    if sum(map(_is_given, changes)) > 1:
        raise UsageError("give only one of --delete, --rename, --tag, --untag")
    if delete:
        history.delete(run)
    elif rename is not None:
        history.rename(run, rename)
    elif tag is not None:
        history.tag(run, *_names("tag", tag))
    elif untag is not None:
        history.untag(run, *_names("untag", untag))
    else:
        return history.load(run)
    return history


def _is_given(change: bool | str | None) -> bool:
    return change is not None and change is not False


def _names(option: str, text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise UsageError(f"{option}: {text!r} has no tag; write for example fast,first")
    return names


def _whole(archive: Archive, entry: Entry) -> Result:
    """The result of a run whose records make a frame: each may be valid by itself, and together they may make no sense."""
    try:
        result = _read(archive, entry)
        assert result.frame is not None
    except HistoryError:
        raise
    except Exception as error:  # what damaged figures lead to is not foreseeable
        reason = " ".join(text_of(error)[:_MOST_OF_ERROR].split())
        raise HistoryError(
            f"no result can be made of run {entry.id}, {quoted(entry.name)}, of {archive.path} ({reason}): "
            "it is damaged, or this Pocket Lab has a fault; delete the run, or report it with the file"
        ) from error
    return result


def _read(archive: Archive, entry: Entry) -> Result:
    archive.check(entry)
    if entry.verb == "bench":
        return read_bench(archive, entry)
    if entry.verb not in (*PROFILES, "compare"):
        raise HistoryError(
            f"run {entry.id}, {quoted(entry.name)}, is of the verb {quoted(entry.verb)}, which this Pocket Lab does not know: "
            "pip install --upgrade pocket-lab"
        )
    records = archive.records(entry)
    if entry.verb == "compare":
        return Comparison(entry.name, records, checked_options(entry).get("margin", MARGIN), run=entry.id)
    profile: ProfileVerb[Result, Any] = getattr(import_module(f"pocket_lab.lab.{entry.verb}"), entry.verb.upper())
    return profile.result(entry.name, records, entry.id)
