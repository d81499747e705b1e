"""The magics that profile: where time and memory go, per node."""

from __future__ import annotations

from typing import Any, ClassVar

from IPython.core.magic import Magics, line_magic, magics_class, needs_local_scope, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from pocket_lab.lab.cpu import CpuProfile, cpu
from pocket_lab.lab.leaks import LeakReport, leaks
from pocket_lab.lab.lines import LineProfile, lines
from pocket_lab.lab.memory import MemoryProfile, memory
from pocket_lab.lab.trace import Trace, trace
from pocket_lab.notebook.magic_runner import MagicRunner
from pocket_lab.notebook.options import PROFILED


@magics_class
class ProfileMagics(Magics):  # type: ignore[misc]
    """The line magics of the profiles."""

    magics: ClassVar[dict[str, dict[str, str]]]

    def __init__(self, shell: Any, runner: MagicRunner) -> None:
        super().__init__(shell)
        self._runner = runner

    @magic_arguments()
    @PROFILED
    @argument("--python-allocators", action="store_true", default=None, help="follow every Python object, more slowly")
    @argument("--native", action="store_true", default=None, help="put the calls of C code on the stacks, more slowly")
    @argument("--keep", help="keep memray's capture in this file: run.bin")
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_memory(self, line: str, local_ns: dict[str, Any] | None = None) -> MemoryProfile:
        """Which node allocates how much, and what does it hold at its peak? A run of each point under memray."""
        result: MemoryProfile = self._runner.call(self.pocket_memory, memory, line, None, local_ns)
        return result

    @magic_arguments()
    @PROFILED
    @argument("--also", help='functions, classes, modules to follow beside the nodes: helper,other; "notebook" is all of it')
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_lines(self, line: str, local_ns: dict[str, Any] | None = None) -> LineProfile:
        """Which source lines of which node take the time? A run of each point under line_profiler."""
        result: LineProfile = self._runner.call(self.pocket_lines, lines, line, None, local_ns)
        return result

    @magic_arguments()
    @PROFILED
    @argument("--interval", help="the time between two looks at the stacks: 1ms")
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_cpu(self, line: str, local_ns: dict[str, Any] | None = None) -> CpuProfile:
        """Which calls of which node take the time? A run of each point, its stacks sampled."""
        result: CpuProfile = self._runner.call(self.pocket_cpu, cpu, line, None, local_ns)
        return result

    @magic_arguments()
    @PROFILED
    @argument("--chrome", help="write the spans to this file too, for ui.perfetto.dev or chrome://tracing")
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_trace(self, line: str, local_ns: dict[str, Any] | None = None) -> Trace:
        """Who ran when on which worker, and what did the run wait for? A run of each point, its spans recorded."""
        result: Trace = self._runner.call(self.pocket_trace, trace, line, None, local_ns)
        return result

    @magic_arguments()
    @PROFILED
    @argument("--runs", help="how often to run each point after the warm-up: 10")
    @no_var_expand
    @needs_local_scope
    @line_magic
    def pocket_leaks(self, line: str, local_ns: dict[str, Any] | None = None) -> LeakReport:
        """What do runs leave behind: threads, tasks, processes, files, sockets, memory? The same run again and again."""
        result: LeakReport = self._runner.call(self.pocket_leaks, leaks, line, None, local_ns)
        return result
