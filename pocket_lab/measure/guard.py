"""The guard of a measuring process: a second process that ends the whole group once the parent is gone.

It is a process, not a thread, because a thread cannot run while the target holds the interpreter lock in a C call.
"""

from __future__ import annotations

import os
import shutil
import signal
import time

GRACE_S = 0.5


def fork_guard(lifeline: int, scratch: str) -> int:
    """Fork the guard and return its process id; it waits for the end of file on `lifeline`, which only the parent holds.

    Then it ends the group and removes the folder `scratch`, since the parent no longer can.
    """
    if guard := os.fork():
        os.close(lifeline)
        return guard
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


def dismiss_guard(guard: int) -> None:
    """End the guard, and let nothing of it stay that its parent would have to wait for."""
    os.kill(guard, signal.SIGKILL)
    os.waitpid(guard, 0)


def _close_quietly(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass
