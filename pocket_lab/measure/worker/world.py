"""The world of the calling process, for a measuring process: taken with what is sent, entered before the first run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from pocket_lab.executors.pickling import Pickler
from pocket_lab.executors.world.caller import Caller
from pocket_lab.executors.world.on_import import when_imported
from pocket_lab.executors.world.settings import Settings
from pocket_lab.measure.worker.kernel_names import KernelNames
from pocket_lab.measure.worker.seeds import Seeds
from pocket_lab.records.caveat import Caveat


class World(NamedTuple):
    """Settings, the context of the caller, random states, names for explanations, and the versions of what modules hold.

    A new process inherits environment, working directory and limits by itself. Worker processes get settings and context from
    the measuring process. What cannot be carried over, or differs, is said in Caveats.
    """

    settings: Settings
    caller: Caller
    seeds: Seeds
    names: KernelNames
    versions: Mapping[str, Mapping[str, str]]

    @classmethod
    def here(cls, sent: Pickler, targets: Iterable[Any]) -> World:
        """That of this process, as far as what was pickled by `sent` and the code of the targets refer to it."""
        from pocket_lab.measure.worker.module_state import versions_here  # here, since most measuring processes do without

        return cls(Settings.here(), Caller.here(sent), Seeds.here(), KernelNames.here(), versions_here(targets))

    def enter(self) -> None:
        """Set what the user's modules may depend on while they are imported."""
        self.names.install()
        self.settings.apply()
        self.caller.prepare()
        self.seeds.install()

    def settle(self, main: Mapping[str, Any]) -> Doubts:
        """Set what needs the target to be loaded, and begin to watch for what differs.

        `main` are the functions and classes of the calling process's main module which the target uses: whoever looks them up
        in this one, such as pickle in a process that the target forks, finds them.
        """
        vars(sys.modules["__main__"]).update(main)
        self.settings.apply_filters()
        self.caller.context().enter()
        return Doubts((*self.settings.unsent, *self.caller.unsent), self.versions)


class Doubts:
    """What a measuring process has not as the calling one; a module is looked at when it has been imported."""

    def __init__(self, unsent: Iterable[str], versions: Mapping[str, Mapping[str, str]]) -> None:
        self._caveats = [Caveat("not-sent", _unsent_message(what)) for what in unsent]
        self._versions = versions
        for module in versions:
            when_imported(module, partial(self._look, module))

    def take(self) -> Iterator[Caveat]:
        """Those that are new."""
        caveats, self._caveats = self._caveats, []
        yield from caveats

    def _look(self, name: str, module: ModuleType) -> None:
        from pocket_lab.measure.worker.module_state import difference_message, differing  # as above

        if attributes := differing(module, self._versions[name]):
            self._caveats.append(Caveat("other-module", difference_message(module, attributes)))


def _unsent_message(what: str) -> str:
    where = "cannot be sent to the measuring process, which has its default"
    return f'{what} {where}; measure in place with isolation="kernel" if it matters'
