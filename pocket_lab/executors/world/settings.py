"""The settings of a whole process that code depends on, taken where a measurement or a pool begins and set in its processes."""

from __future__ import annotations

import gc
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from typing import NamedTuple

from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.modules import Origin, carry_files, stray_modules
from pocket_lab.executors.world.native_threads import NativeThreads, variables
from pocket_lab.executors.world.on_import import when_imported

_LOCALES = ("LC_COLLATE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME")
_WARNING = 30  # of `logging`, which may not be loaded
_COMPARED = {
    "recursion_limit": "recursion limit",
    "switch_interval_s": "switch interval",
    "int_digits": "most digits of an int",
    "gc_threshold": "thresholds of garbage collection",
    "collects": "garbage collection",
    "locales": "locale",
}
WarningFilter = tuple[str, re.Pattern[str] | str | None, tuple[str, str], re.Pattern[str] | str | None, int]
"""An entry of `warnings.filters`; its category by module and name, so that another process need not load it."""
LogLevel = tuple[str, int, bool]
"""The name of a logger, its level, 0 for that of its parent, and whether it is switched off."""


class Settings(NamedTuple):  # made ten times faster than a dataclass, and every process waits for it
    """What a new process of Python has differently, though it inherits environment, working directory, limits and umask.

    Context variables and what depends on them are those of a `Caller`. Random generators are not here: each worker process
    seeds its own, since equal ones would give equal numbers in all of them.
    """

    path: tuple[str, ...]
    arguments: tuple[str, ...]
    recursion_limit: int
    switch_interval_s: float
    int_digits: int
    gc_threshold: tuple[int, ...]
    collects: bool
    stack_bytes: int
    locales: tuple[tuple[str, str], ...]
    start_method: str | None
    socket_timeout_s: float | None
    temporary_folder: str | None
    filters: tuple[WarningFilter, ...]
    log_levels: tuple[LogLevel, ...]
    log_disabled: int
    stray: tuple[tuple[str, Origin], ...]
    options: tuple[tuple[str, str, bytes | None], ...]
    native_threads: int | None

    @classmethod
    def here(cls) -> Settings:
        """The settings of this process."""
        path = tuple(os.path.abspath(part) for part in sys.path)
        from pocket_lab.executors.world.options import changed_options  # here, since other processes do without

        logging = sys.modules.get("logging")
        return cls(
            path=path,
            arguments=tuple(sys.argv),
            recursion_limit=sys.getrecursionlimit(),
            switch_interval_s=sys.getswitchinterval(),
            int_digits=sys.get_int_max_str_digits(),
            gc_threshold=gc.get_threshold(),
            collects=gc.isenabled(),
            stack_bytes=_stack_bytes(),
            locales=tuple(_locales()),
            start_method=_start_method(),
            socket_timeout_s=sys.modules["socket"].getdefaulttimeout() if "socket" in sys.modules else None,
            temporary_folder=getattr(sys.modules.get("tempfile"), "tempdir", None),
            filters=tuple(_filters()),
            log_levels=tuple(_log_levels()),
            log_disabled=0 if logging is None else logging.root.manager.disable,
            stray=tuple(stray_modules(path).items()),
            options=tuple(changed_options()),
            native_threads=None if (limit := STATE.get(NativeThreads)) is None else limit.threads,
        )

    @property
    def unsent(self) -> list[str]:
        """What cannot be carried over."""
        return [f"the option {key} of {library}" for library, key, value in self.options if value is None]

    def differences(self, there: Settings) -> Iterator[str]:
        """What another process has differently, with both values, of the settings that change results or times."""
        for name, words in _COMPARED.items():
            if (other := getattr(there, name)) != (mine := getattr(self, name)):
                yield f"{words} {other} (here {mine})"
        for library, key, _ in sorted(set(self.options) ^ set(there.options)):
            yield f"the option {key} of {library}"

    def apply(self) -> None:
        """Set them in this process; what is as it was is not touched, so that nothing is loaded for it."""
        sys.path[:] = self.path
        sys.argv[:] = self.arguments
        os.environ.update(variables(self.native_threads))  # for the libraries that are loaded later
        carry_files(dict(self.stray))
        with suppress(RecursionError):  # this call is deeper than the limit
            sys.setrecursionlimit(self.recursion_limit)
        sys.setswitchinterval(self.switch_interval_s)
        sys.set_int_max_str_digits(self.int_digits)
        gc.set_threshold(*self.gc_threshold)
        (gc.enable if self.collects else gc.disable)()
        threading.stack_size(self.stack_bytes)
        if self.locales:
            import locale

            for category, value in self.locales:
                with suppress(locale.Error):
                    locale.setlocale(getattr(locale, category), value)
        if self.start_method is not None:
            import multiprocessing

            multiprocessing.set_start_method(self.start_method, force=True)
        if self.socket_timeout_s is not None:
            import socket

            socket.setdefaulttimeout(self.socket_timeout_s)
        if (
            folder := self.temporary_folder
        ) is not None:  # else `tempfile` tries folders, and a kill may leave the file it makes
            when_imported("tempfile", lambda tempfile: setattr(tempfile, "tempdir", folder))
        self.apply_filters()
        self._apply_log_levels()
        if self.options:
            from pocket_lab.executors.world.options import set_options

            set_options(self.options)

    def apply_filters(self) -> None:
        """Set the filters whose categories are loaded; again, once more of them may be."""
        entries = [
            (action, message, found, module, line)
            for action, message, category, module, line in self.filters
            if (found := _category(*category)) is not None
        ]
        if entries != list(warnings.filters):
            warnings.filters[:] = entries  # type: ignore[index]
            with warnings.catch_warnings():  # tells `warnings` that they have changed
                pass

    def _apply_log_levels(self) -> None:
        if self.log_levels or self.log_disabled:
            import logging

            logging.disable(self.log_disabled)
            for name, level, disabled in self.log_levels:
                logger = logging.getLogger(name)
                logger.setLevel(level)
                logger.disabled = disabled


def _stack_bytes() -> int:
    """The stack of new threads, 0 for the default; to ask for it resets it."""
    size = threading.stack_size()
    threading.stack_size(size)
    return size


def _locales() -> Iterator[tuple[str, str]]:
    """The categories that are set: a new process begins with "C" in all but the type of characters."""
    locale = sys.modules.get("locale")
    for category in _LOCALES if locale is not None else ():
        value = locale.setlocale(getattr(locale, category))  # type: ignore[union-attr]
        if value != "C":
            yield category, value


def _start_method() -> str | None:
    """How multiprocessing starts processes, if that was chosen."""
    context = sys.modules.get("multiprocessing.context")
    if context is None:
        return None
    import multiprocessing

    chosen = multiprocessing.get_start_method(allow_none=True)
    return None if chosen == multiprocessing.get_all_start_methods()[0] else chosen


def _filters() -> Iterator[WarningFilter]:
    for action, message, category, module, line in warnings.filters:
        if isinstance(category, type):
            yield action, message, (category.__module__, category.__qualname__), module, line


def _category(module: str, name: str) -> type[Warning] | None:
    """The class, if its module is loaded in this process."""
    try:
        found = attrgetter(name)(sys.modules[module])
    except (KeyError, AttributeError):
        return None
    return found if isinstance(found, type) and issubclass(found, Warning) else None


def _log_levels() -> Iterator[LogLevel]:
    """Of the root logger, "", and of all others that have a level of their own or are switched off."""
    logging = sys.modules.get("logging")
    if logging is None:
        return
    if logging.root.level != _WARNING:
        yield "", logging.root.level, logging.root.disabled
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and (logger.level or logger.disabled):
            yield name, logger.level, logger.disabled
