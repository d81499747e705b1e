"""The main function of a measuring process: read the task, run it, write its records."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from pocket_lab.executors.faults.deaths import CUT_OFF
from pocket_lab.executors.faults.forks import InParent
from pocket_lab.executors.outcome import pack_error
from pocket_lab.measure.worker.gil import watch_gil
from pocket_lab.measure.worker.kernel_names import explained
from pocket_lab.measure.worker.payload import load
from pocket_lab.records.codec import encode
from pocket_lab.records.progress import Ended, Failure
from pocket_lab.records.record import Record

_PID = os.getpid()
_pipe: tuple[int, int] | None = None


def main(records: int) -> None:
    """Run the pickled (task, job) from standard input and write each record to the descriptor `records`.

    Standard output and error belong to the target: the parent reads them separately from the records. The last record is Ended:
    without it the process has left before its work was done, whatever its exit code.
    """
    global _pipe
    _pipe = _identity(records)
    with os.fdopen(records, "wb") as out:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        try:
            payload = _read(sys.stdin.buffer)
            watch_gil()
            with InParent():
                task, job, doubts = load(payload)  # the user's modules are imported here, and may raise anything
            for record in task(job):
                for caveat in doubts.take():
                    _send(out, caveat)
                _send(out, record)
        except BaseException as error:  # the parent is informed of whatever ends a task, also a KeyboardInterrupt of the target
            _send(out, Failure(None, pack_error(explained(error))))
        _send(out, Ended())


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Which file a descriptor is of; None once it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _read(source: BinaryIO) -> bytes:
    payload = source.read()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return payload


def _send(out: BinaryIO, record: Record) -> None:
    if os.getpid() != _PID:  # a process that C code has forked, without telling Python
        os._exit(0)
    if _identity(out.fileno()) != _pipe:
        os._exit(CUT_OFF)
    out.write(encode(record))
    out.flush()
