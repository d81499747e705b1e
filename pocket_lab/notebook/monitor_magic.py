"""The magic that watches: %pocket_monitor."""

from __future__ import annotations

from typing import Any, ClassVar

from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from pocket_lab.lab.monitor import Monitor, watch_name
from pocket_lab.notebook.expressions import evaluate
from pocket_lab.notebook.live import LiveView
from pocket_lab.notebook.magic_runner import MagicRunner, parse
from pocket_lab.units import parse_duration


@magics_class
class MonitorMagics(Magics):  # type: ignore[misc]
    """The line magic that watches."""

    magics: ClassVar[dict[str, dict[str, str]]]

    def __init__(self, shell: Any, runner: MagicRunner) -> None:
        super().__init__(shell)
        self._runner = runner

    @magic_arguments()
    @argument("target", help="the name of a graph of this notebook, or a Monitor")
    @argument("--window", help="the time over which throughput is counted: 1m")
    @argument("--every", default="1s", help="how often the table is drawn anew: 1s")
    @argument("--stop", action="store_true", default=None, help="stop the live view, and watch the graph no longer")
    @no_var_expand
    @line_magic
    def pocket_monitor(self, line: str) -> Monitor:
        """What do the nodes of a graph do while it is in use? A table that goes on, live, while later cells run.

        `%pocket_monitor graph` puts a watched graph into the variable `graph` (the same nodes, on the same store), so that
        every later `graph.run(...)` counts; other variables that hold the graph stay as they are. `--stop` puts the old one
        back. `%pocket_monitor monitor` shows a Monitor of your own. Returns the Monitor: `m = %pocket_monitor graph`.
        """
        asked = parse(self.pocket_monitor, line)
        every_s, names = parse_duration(asked["every"]), self.shell.user_ns
        target = evaluate(asked["target"], names)
        monitor = watch_name(names, asked["target"], target, asked.get("window"), bool(asked.get("stop")))
        if asked.get("stop"):
            LiveView.close(monitor)
        elif hasattr(self.shell, "kernel"):
            LiveView.open(monitor, max(every_s, 0.1))
        else:
            display(monitor.read())
        self._runner.has_shown(monitor)
        return monitor
