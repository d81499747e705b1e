"""The watchdog of a measuring process: a second process that ends the whole group once the parent is gone.

It is a process, not a thread, because a thread cannot run while the target holds the interpreter lock in a C call.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress

GRACE_S = 0.5


def fork_watchdog(lifeline: int, scratch: str) -> None:
    """Fork the watchdog, which waits for the end of file on `lifeline`: only the parent holds the other end.

    Then it ends the group, unless the parent has, and removes the folder `scratch`. It is in a group of its own, so that it is
    still there where the parent is killed between ending the group and removing the folder.
    """
    group = os.getpgrp()
    if watchdog := os.fork():
        with suppress(ProcessLookupError):  # it has seen the end of the parent already
            os.setpgid(watchdog, watchdog)
        os.close(lifeline)
        return
    try:
        os.setpgid(0, 0)
        for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(stop, signal.SIG_IGN)
        for descriptor in range(3, 256):
            if descriptor != lifeline:
                _close_quietly(descriptor)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.read(lifeline, 1)
        _end(group)
        shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os._exit(0)


def _end(group: int) -> None:
    """End the processes of the group, politely first; others do not get its number while this process is in its session."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        _wait_for(group)
        os.killpg(group, signal.SIGKILL)
        _wait_for(group)


def _wait_for(group: int) -> None:
    """Until the group is gone, but not for longer than the grace: a dead process that nobody reaps keeps it."""
    end = time.monotonic() + GRACE_S
    while time.monotonic() < end:
        os.killpg(group, 0)
        time.sleep(0.01)


def _close_quietly(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass
