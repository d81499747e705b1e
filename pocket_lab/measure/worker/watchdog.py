"""The watchdog of a measuring process: a second process that ends the whole group once the parent is gone.

It is a process, not a thread, because a thread cannot run while the target holds the interpreter lock in a C call.
"""

from __future__ import annotations

import os
import shutil
import signal
import time

GRACE_S = 0.5


def fork_watchdog(lifeline: int, scratch: str) -> int:
    """Fork the watchdog and return its process id; it waits for the end of file on `lifeline`, which only the parent holds.

    Then it ends the group and removes the folder `scratch`, since the parent no longer can.
    """
    if watchdog := os.fork():
        os.close(lifeline)
        return watchdog
    try:
        for descriptor in range(3, 256):
            if descriptor != lifeline:
                _close_quietly(descriptor)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.read(lifeline, 1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        time.sleep(GRACE_S)
        shutil.rmtree(scratch, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)
    finally:
        os._exit(0)


def dismiss_watchdog(watchdog: int) -> None:
    """End the watchdog and reap it."""
    os.kill(watchdog, signal.SIGKILL)
    os.waitpid(watchdog, 0)


def _close_quietly(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass
