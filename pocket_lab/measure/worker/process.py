"""A measuring process seen from its parent: start it, stream its records, end it."""

from __future__ import annotations

import codecs
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from typing import TypeVar

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.faults.deaths import describe_exit
from pocket_lab.executors.faults.lifeline import Lifeline
from pocket_lab.executors.outcome import as_exception, unpack_error
from pocket_lab.executors.world.native_threads import variables
from pocket_lab.measure.worker.payload import Sendable, dump
from pocket_lab.measure.worker.scratch import scratch_folder
from pocket_lab.measure.worker.watchdog import GRACE_S
from pocket_lab.records.codec import decode
from pocket_lab.records.progress import Ended, Failure, Heartbeat, Output
from pocket_lab.records.record import Record

J = TypeVar("J", bound=Sendable)

TICK_S = 0.1
_AFTERMATH_S = 0.1
_BOOT = """
import sys
sys.path[:] = {path!r}
def run():  # no other name of ours is in the main module, where the target finds its own
    from pocket_lab.measure.worker.watchdog import fork_watchdog
    fork_watchdog({lifeline}, {scratch!r})
    from pocket_lab.measure.worker.scratch import make_scratch
    lock = make_scratch({scratch!r})
    from pocket_lab.measure.worker.child import main
    main({records})
run()
"""


def stream(task: Callable[[J], Iterator[Record]], job: J) -> Generator[Record]:
    """Run the task on the job in a process of its own and yield its records, its output, and a Heartbeat a tick.

    A job is a frozen dataclass with a field `scratch`, the folder for files that must not outlive the process.

    The process has the kernel's world, as far as it can be carried over (`World`), and a session of its own. Closing the
    generator, or an exception such as Ctrl-C, ends its whole group. Raises UsageError for a job that cannot be sent, the
    user's own error for one that cannot be loaded there, ProcessDied where the process ended before its work.
    """
    started = time.monotonic()
    with scratch_folder() as scratch:  # the process makes it, once its watchdog is there to remove it
        limit = job.native_limit
        payload = dump(task, replace(job, scratch=scratch))  # type: ignore[type-var]
        with closing(_Child(payload, scratch, variables(limit and limit.threads))) as child:
            has_ended = False
            for record in child.records():
                if isinstance(record, Ended):
                    has_ended = True
                elif isinstance(record, Failure) and record.point is None:  # the job could not be loaded, or its task broke off
                    raise as_exception(unpack_error(record.chain))
                else:
                    yield Heartbeat(time.monotonic() - started) if record is None else record
    if child.exit_code or not has_ended:
        raise ProcessDied(f"the measuring process {describe_exit(child.exit_code)}")


class _Child:
    def __init__(self, payload: bytes, scratch: str, environment: Mapping[str, str]) -> None:
        records, write_records = os.pipe()
        self._lifeline = lifeline = Lifeline()
        path = [os.path.abspath(part) for part in sys.path]
        boot = _BOOT.format(path=path, lifeline=lifeline.reader, scratch=scratch, records=write_records)
        try:
            self._process = subprocess.Popen(
                [sys.executable, *_interpreter_options(), "-c", boot],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **environment},
                pass_fds=(lifeline.reader, write_records),
                start_new_session=True,
            )
        except BaseException:
            os.close(records)
            lifeline.close()
            raise
        finally:
            lifeline.close_reader()
            os.close(write_records)
        self._records = records
        self._payload = payload
        self.exit_code = 0

    def records(self) -> Iterator[Record | None]:
        """Records and output as they come, and None for each tick of the clock; ends with the process."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with suppress(BrokenPipeError):  # it died at once: the exit code says so below
            process.stdin.write(self._payload)
            process.stdin.close()
        decoder = codecs.getincrementaldecoder("utf-8")
        texts = {"stdout": decoder("replace"), "stderr": decoder("replace")}
        begun: list[bytes] = []  # the parts of a line whose end has not come yet
        ticked = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._records, selectors.EVENT_READ, "records")
            selector.register(process.stdout, selectors.EVENT_READ, "stdout")
            selector.register(process.stderr, selectors.EVENT_READ, "stderr")
            ended = math.inf
            while selector.get_map() and time.monotonic() < ended + GRACE_S:  # it may hang after its last record
                ready = selector.select(TICK_S)
                if not ready and process.poll() is not None:  # something it started still holds the pipes
                    break
                if time.monotonic() - ticked >= TICK_S:
                    ticked = time.monotonic()
                    yield None
                for key, _ in ready:
                    data = os.read(key.fd, 65536)
                    if not data:
                        selector.unregister(key.fileobj)
                        ended = time.monotonic() if key.data == "records" else ended
                    elif key.data == "records":
                        first, *others = data.split(b"\n")
                        begun.append(first)
                        if others:
                            yield from map(decode, (b"".join(begun), *others[:-1]))
                            begun = [others[-1]]
                    elif text := texts[key.data].decode(data):
                        yield Output(key.data, text)
        with suppress(subprocess.TimeoutExpired):
            self.exit_code = process.wait(GRACE_S)
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            if text := texts[name].decode(_read_rest(pipe.fileno())):
                yield Output(name, text)

    def close(self) -> None:
        """End the process and all that it started, politely first; close every descriptor."""
        try:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGTERM)
                self._wait_for_group()
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        finally:
            self._lifeline.close()
            os.close(self._records)
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()

    def _wait_for_group(self) -> None:
        """Until the process has ended, and then a moment for what it started: loky's tracker removes semaphores.

        A dead process that nobody has reaped yet keeps its group alive, so the second wait is short.
        """
        end = time.monotonic() + GRACE_S
        while self._process.poll() is None and time.monotonic() < end:
            os.killpg(self._process.pid, 0)
            time.sleep(0.002)
        end = time.monotonic() + _AFTERMATH_S
        while time.monotonic() < end:
            os.killpg(self._process.pid, 0)
            time.sleep(0.002)


def _interpreter_options() -> list[str]:
    """The options of this interpreter that change what code does."""
    options = ["-O"] * sys.flags.optimize
    options += ["-X", "dev"] if sys.flags.dev_mode else []
    options += ["-X", f"gil={sys._xoptions['gil']}"] if "gil" in sys._xoptions else []
    return options + (["-X", "utf8"] if sys.flags.utf8_mode else [])


def _read_rest(descriptor: int) -> bytes:
    """The data in a pipe now, without waiting for more."""
    os.set_blocking(descriptor, False)
    rest = b""
    with suppress(BlockingIOError):
        while data := os.read(descriptor, 65536):
            rest += data
    return rest
