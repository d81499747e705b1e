"""The one consumer of a stream of records: keep them, show the target's output, notify the watcher."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pocket_lab.lab.options.keywords import Watcher
from pocket_lab.lab.runs.recording import Recording
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Heartbeat, Output, Started
from pocket_lab.records.record import Record

_MOST_OUTPUT = 10_000


def collect(stream: Iterator[Record], into: list[Record], recording: Recording, watch: Watcher | None) -> None:
    """Append the records that a result keeps; what the target prints is shown, up to 10,000 characters.

    Records are in the history and in `into` as they arrive, so that neither an interrupt nor a kill loses one.
    """
    shown = dropped = 0
    for record in stream:
        if isinstance(record, Output):
            target = sys.stderr if record.stream == "stderr" else sys.stdout
            text = record.text[: max(0, _MOST_OUTPUT - shown)]
            target.write(text)
            target.flush()
            shown += len(text)
            dropped += len(record.text) - len(text)
        elif not isinstance(record, Heartbeat | Started):
            recording.keep(record)
            into.append(record)
        if watch is not None:
            watch(record)
    if dropped:
        message = f"the target printed more than was shown: {dropped:,} characters were left out"
        recording.keep(Caveat("output-cut", message))
        into.append(Caveat("output-cut", message))
    into += recording.caveats
