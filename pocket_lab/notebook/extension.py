"""`%load_ext pocket_lab` and `%unload_ext pocket_lab`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, the completion of their options, and the display of results exactly once."""
    from pocket_lab.lab.history import History
    from pocket_lab.lab.monitor import Monitor
    from pocket_lab.lab.result import Result
    from pocket_lab.notebook import completion
    from pocket_lab.notebook.magic_runner import MagicRunner
    from pocket_lab.notebook.magics import make_magics

    runner = MagicRunner(shell)
    for kind, magic in make_magics(runner):
        shell.register_magic_function(magic, kind, magic.__name__)
    completion.install(shell)
    for shown in (Result, History, Monitor):
        shell.display_formatter.ipython_display_formatter.for_type(shown, runner.show)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics, the completion and the display hook."""
    from pocket_lab.lab.history import History
    from pocket_lab.lab.monitor import Monitor
    from pocket_lab.lab.result import Result
    from pocket_lab.notebook import completion
    from pocket_lab.notebook.magics import NAMES

    for magics in shell.magics_manager.magics.values():
        for name in NAMES:
            magics.pop(name, None)
    completion.uninstall(shell)
    for shown in (Result, History, Monitor):
        shell.display_formatter.ipython_display_formatter.pop(shown, None)
