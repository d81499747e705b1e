"""A doubt about a result, with the code that names its kind."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point

CODES = {
    "auto": "Sizes or workers were looked for before the sweep, in a part of its budget; the message says why these.",
    "budget": "The budget ended before every point was profiled: raise it, or profile fewer points.",
    "caches-apart": "Caches inside worker processes cannot be cleared and stay warm.",
    "caches-cold": "The caches of the target were cleared before each run, so every run is a first call.",
    "caches-none": 'caches="cold" was requested, and nothing with a method `cache_clear` was found.',
    "caches-warm": 'Caches of the target stayed warm, so later runs may do less; caches="cold" clears them before each run.',
    "captured-large": "A function captures a large object, which goes to each worker: load it there, or pass it as input.",
    "died-at-end": "The measuring process died after the last point was measured; no sample is missing.",
    "drift": "The time of a run rose or fell during the measurement: do not rely on its value, measure again.",
    "few-blocks": "A pair of a comparison has too few blocks for an interval: raise the budget, or let the run end.",
    "few-cores": "There are more workers than cores, so their times include waits for a core.",
    "few-samples": "A CPU profile has too few samples for its shares: profile a larger size or more runs.",
    "first-run": "Only the first run of a point was measured, which may load something and is no figure: measure longer.",
    "gil-turned-on": "An import in the runs turned the interpreter lock on, so they ran partly without and partly with it.",
    "history": "The run is not, or not completely, kept in the history.",
    "history-journal": "Every sample waits for the disk of the history: set POCKET_LAB_HOME to a folder on a local disk.",
    "imprecise": "The budget ended before a point reached the requested precision: its interval is wider.",
    "in-place": "The target was measured inside the calling process, which shares its clock and cannot end a run that hangs.",
    "input-changed": "A run changes its input, so later runs get another one; fresh_input=True builds one for each run.",
    "lazy-opaque": "A node returns an iterator whose work cannot be followed: it counts for the node that consumes it.",
    "lazy-result": "A run returns a generator, an iterator, an awaitable or a graph, whose work is not measured: consume it.",
    "leaks-worker-lines": "The source lines that keep memory are not traced inside worker processes.",
    "line-awaits": "The time of a line with an await or a yield from ends where it is suspended for the first time.",
    "line-inclusive": "The time of a line includes the functions that it calls, also those with rows of their own.",
    "line-loops": "A loop on a single line counts as one hit, however many iterations it has.",
    "line-native": "Time in C code, and in code that exec makes during the run, counts for the line that called it.",
    "line-profiler": "line_profiler slows down calls of Python functions: compare shares, and take times from a bench.",
    "line-share": "The lines of a function add up to more than the graph's calls (recursion, threads): shares are of these.",
    "line-threads": "Threads that are not traced used CPU time: Python code that they ran has no hits (before Python 3.12).",
    "line-untraced": "The target has set a trace function and left it so: lines that ran there afterwards have no hits.",
    "line-waits": "Line times of concurrent threads include waits for the interpreter lock; hits are exact.",
    "load-errors": "Some requests failed; the latencies are those of the others.",
    "load-late": "Many requests of an open loop began late: the target cannot keep up with this rate.",
    "memory-above-rss": "More memory is counted than was ever resident: a part of it was reserved, swapped out or given back.",
    "memory-pass": "The budget ended during the memory pass, or its process died, so some points have no memory figures.",
    "memory-processes": "Memory of worker processes is measured in each of them; their sum is an upper bound.",
    "memory-reserved": "Of large blocks and mappings that were reserved and not all touched, only what was touched is counted.",
    "memory-unseen": "Memory that the process held before the run, or that other processes hold, is not measured.",
    "memory-visits": "The timeline of memory shows only the last visits to nodes.",
    "native-threads": "Threads that a C library starts have no Python stack and are not sampled.",
    "no-interval": "A point has too few samples for an interval: raise the budget, or let the run end.",
    "no-python-code": "A function is not written in Python, so its lines or stacks are not profiled.",
    "no-source": "The source of a function is not known (exec made it, or its file has gone): its lines have numbers only.",
    "no-thread-cpu": "This system does not report the CPU time of a thread, so CPU times are missing.",
    "node-calls": "A node can call the function of another one itself: those calls count for that one, or in its lines.",
    "nodes-budget": "The budget left no time to trace some points of a bench, so the times of their nodes are missing.",
    "not-sent": 'Something of the calling process could not be sent to the measuring one; isolation="kernel" measures with it.',
    "one-native-thread": "Each worker has one BLAS or OpenMP thread, to be compared alike; native_threads sets another number.",
    "one-worker": 'One run of the target has one worker, so it was measured at one; the drive "map" varies runs in flight.',
    "other-clocks": "Workers on another machine have a clock of their own: the times of their spans are less certain.",
    "other-environment": "The two stored runs come from different machines or interpreters.",
    "other-module": 'A module that the target uses has changed since it was imported: reload it, or isolation="kernel".',
    "other-native-threads": "Only one of the two stored runs is known to have had one BLAS or OpenMP thread in each worker.",
    "other-packages": "The two stored runs had different versions of packages.",
    "other-revision": "The git revision changed between the beginning and the resumption of a run.",
    "other-settings": "Workers that others have started have other settings than this process, which may change times.",
    "outliers": "Many batches are far from the others; they are kept.",
    "output-cut": "The target printed more than is shown.",
    "own-executor": "The target has no parameter `executor`, so it starts its workers itself and executors was ignored.",
    "own-processes": "The target starts processes itself, which are not followed: what they use is in no figure.",
    "own-workers": "The target opens its own workers, which are not traced: it is shown as one span.",
    "points-left": "The budget or the run ended before every point was measured; the corners of the sweep come first.",
    "pymalloc": "Small objects are counted by the arenas that Python takes; python_allocators=True counts every object.",
    "replay": "The replay behind what-if does not reproduce the run, so its gains are rough.",
    "results-not-compared": "The results of both sides of a comparison cannot be compared: check them yourself.",
    "run-stopped": "A run did not end within the budget and was stopped: raise the budget, or measure a smaller size.",
    "same-code": "Two stored runs measured the same code, so a difference comes from the machine, the data or a library.",
    "sampled": "Times come from samples of the stacks: calls of less than a millisecond are uncertain.",
    "serial-one-worker": 'The executor "serial" has one worker; other worker counts were ignored.',
    "shared-source": "Several nodes have the same function or the same source lines, and are shown as one.",
    "span-waits": "A span is wall time and includes waits for the interpreter lock, for a core and for other tasks.",
    "spans-cut": "A run had more spans than are kept, so some are missing.",
    "thin": "A point has few samples, so its interval may be too narrow.",
    "unequal-results": "The two sides of a comparison return different results on the same input.",
    "unpaired": "Two stored runs were not measured together, so small differences may come from the machine.",
    "warm-up": "The first rounds were slower and are left out.",
    "work-left": "Threads or tasks of the target go on after its run, and what they do then is in no figure.",
}
"""What each code means and, where useful, what to do."""


@dataclass(frozen=True, slots=True)
class Caveat:
    """A doubt about a result in one sentence, of a kind in CODES; `point` is None where it is about the whole result."""

    code: str
    message: str
    point: Point | None = None

    def __contains__(self, text: str) -> bool:
        """Whether the message has this text, as if the caveat were its sentence."""
        return text in self.message
