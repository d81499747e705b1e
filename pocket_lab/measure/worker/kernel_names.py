"""What the kernel has by name and the measuring process has not, for the sentence under an error that comes from it."""

from __future__ import annotations

import builtins
import re
import sys
from functools import partial
from typing import NamedTuple

from pocket_lab.executors.faults.foreign import answer_of, is_a, notes_of, traceback_of
from pocket_lab.executors.outcome import chain
from pocket_lab.executors.worker_state import STATE

_WITHIN = 'measure in place with isolation="kernel"'
_NO_IPYTHON = "the measuring process does not run IPython"
_OF_A_SHELL = "run_line_magic|run_cell_magic|system|getoutput|user_ns|ev|ex|run_cell|events|kernel|display_formatter"
_NO_NAME = r"name '(\w+)' is not defined"  # texts, since most measuring processes need none of them compiled
_NO_MODULE = r"No module named '([\w.]+)'"
_NO_SHELL = rf"'NoneType' object has no attribute '({_OF_A_SHELL})'"
_NOT_IN_MAIN = (
    r"module '__main__' has no attribute '(\w+)'",
    r"Can't get attribute '([\w.]+)' on <module '__main__'",
    r"attribute lookup ([\w.]+) on __main__ failed",
    r"not found as __main__\.([\w.]+)",
)
_NOT_IN_MODULE = (
    r"module '([\w.]+)' has no attribute '(\w+)'",
    r"Can't get attribute '([\w.]+)' on <module '([\w.]+)'",
    r"cannot import name '(\w+)' from '([\w.]+)'",
)


class KernelNames(NamedTuple):
    """The names of the main module, those that were added to the builtins, and the loaded modules, in the calling process."""

    main: frozenset[str]
    builtins: frozenset[str]
    modules: frozenset[str]

    @classmethod
    def here(cls) -> KernelNames:
        """Those of this process."""
        main = vars(sys.modules["__main__"])
        return cls(
            main=frozenset(name for name in list(main) if not name.startswith("__")),
            builtins=frozenset(name for name in dir(builtins) if not name.startswith("__")),
            modules=frozenset(
                name
                for name in list(sys.modules)
                if "." not in name and name not in sys.stdlib_module_names and name != "__main__"
            ),
        )

    def install(self) -> None:
        """Let the errors of this process be explained by them."""
        STATE.get_or_create(KernelNames, lambda: self)

    def hint(self, error: BaseException) -> str | None:
        """Why the error may come from the measuring process, and what to do; None where it does not."""
        text = answer_of(lambda: str(error), str)
        if is_a(error, NameError) and (found := re.search(_NO_NAME, text)):
            return self._missing_name(found[1])
        if is_a(error, ModuleNotFoundError) and (found := re.search(_NO_MODULE, text)):
            return self._missing_module(found[1])
        if is_a(error, EOFError) and "EOF when reading a line" in text:
            return f"the measuring process has no keyboard: pass what is read as an argument, or {_WITHIN}"
        if is_a(error, AttributeError) and re.search(_NO_SHELL, text):
            return f"get_ipython() is None, since {_NO_IPYTHON}: {_WITHIN}"
        if type(error) is KeyError and error.args and error.args[0] in self.main and _reads_globals(error):
            return self._unsent(str(error.args[0]))
        for pattern in _NOT_IN_MAIN:
            if (found := re.search(pattern, text)) and found[1].partition(".")[0] in self.main:
                return self._unsent(found[1])
        return self._missing_attribute(text)

    def _missing_name(self, name: str) -> str | None:
        if name in self.main:
            return self._unsent(name)
        if name not in self.builtins:
            return None
        if name == "display":
            return f"{_NO_IPYTHON}: write `from IPython.display import display` in the target, or {_WITHIN}"
        if name == "get_ipython":
            return f"{_NO_IPYTHON}, which magics need: {_WITHIN}"
        return f"{name} was added to the builtins of the calling process, and this is another one: import it, or {_WITHIN}"

    def _unsent(self, name: str) -> str:
        where = f"{name} is in the main module of the calling process, and only what the target names in its code is sent"
        return f"{where}: pass it as an argument, or {_WITHIN}"

    def _missing_module(self, name: str) -> str | None:
        if name.partition(".")[0] not in self.modules:
            return None
        return f"{name} is loaded in the calling process, and the measuring process does not find it: {_WITHIN}"

    def _missing_attribute(self, text: str) -> str | None:
        for pattern in _NOT_IN_MODULE:
            if found := re.search(pattern, text):
                name, module = (found[2], found[1]) if pattern is _NOT_IN_MODULE[0] else (found[1], found[2])
                if module.partition(".")[0] in self.modules:
                    fresh = f"the measuring process has imported {module} from its file, and {name} is not in it"
                    return f"{fresh}: if the calling process has it, reload the module, or {_WITHIN}"
        return None


def explained(error: BaseException) -> BaseException:
    """The error, with a note where it comes from what the measuring process has not; nothing is added in place."""
    names = STATE.get(KernelNames)
    if names is None:
        return error
    for link in chain(error):
        hint = names.hint(link)
        if hint is not None and hint not in notes_of(error):
            answer_of(partial(BaseException.add_note, error, hint), lambda: None)
            break
    return error


def _reads_globals(error: BaseException) -> bool:
    """Whether the function that raised it calls `globals`, `vars` or the like."""
    trace = traceback_of(error)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and bool({"globals", "vars", "__dict__"} & set(trace.tb_frame.f_code.co_names))
