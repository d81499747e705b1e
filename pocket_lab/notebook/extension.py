"""`%load_ext pocket_lab` and `%unload_ext pocket_lab`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, and the display of results exactly once."""
    from pocket_lab.lab.history import History
    from pocket_lab.lab.monitor import Monitor
    from pocket_lab.lab.result import Result
    from pocket_lab.notebook.magic_runner import MagicRunner
    from pocket_lab.notebook.magics import MeasureMagics
    from pocket_lab.notebook.monitor_magic import MonitorMagics
    from pocket_lab.notebook.profile_magics import ProfileMagics

    runner = MagicRunner(shell)
    shell.register_magics(MeasureMagics(shell, runner), ProfileMagics(shell, runner), MonitorMagics(shell, runner))
    for kind in (Result, History, Monitor):
        shell.display_formatter.ipython_display_formatter.for_type(kind, runner.show)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics and the display hook away again."""
    from pocket_lab.lab.history import History
    from pocket_lab.lab.monitor import Monitor
    from pocket_lab.lab.result import Result
    from pocket_lab.notebook.magics import MeasureMagics
    from pocket_lab.notebook.monitor_magic import MonitorMagics
    from pocket_lab.notebook.profile_magics import ProfileMagics

    for magics in (MeasureMagics, ProfileMagics, MonitorMagics):
        for kind, names in magics.magics.items():
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)
    for shown in (Result, History, Monitor):
        shell.display_formatter.ipython_display_formatter.pop(shown, None)
