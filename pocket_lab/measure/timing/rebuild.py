"""A target built anew: other code objects at other places in memory, so that no comparison rests on one lucky layout.

Two builds of one function differ by up to one per cent for as long as they live, which no number of rounds averages out.
"""

from __future__ import annotations

import io
import pickle
import random
from types import FunctionType
from typing import Any

from pocket_lab.executors.pickling import Pickler
from pocket_lab.graph.node import Node

_SHIFTS = 400
_LARGEST_SHIFT = 4096
_random = random.Random()  # not the module's own generator, which a target may seed


class Renewable:
    """A target that can be built any number of times.

    Functions of `__main__` and those made inside others come back as cloudpickle rebuilds them; functions of modules as
    copies with a code object of their own, on the same globals.
    """

    def __init__(self, target: Any) -> None:
        buffer = io.BytesIO()
        pickler = _Pickler(buffer)
        pickler.dump(target)
        self._pickled = buffer.getvalue()
        self._functions = pickler.functions

    @property
    def size(self) -> int:
        """The bytes of the target, without the functions of modules."""
        return len(self._pickled)

    def build(self) -> tuple[Any, list[bytearray]]:
        """A new build, and what shifts the heap under it for as long as it is kept."""
        shift = [bytearray(_random.randrange(_LARGEST_SHIFT)) for _ in range(_random.randrange(_SHIFTS))]
        return _Unpickler(io.BytesIO(self._pickled), self._functions).load(), shift


class _Pickler(Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.functions: list[FunctionType] = []

    def persistent_id(self, thing: Any) -> int | None:
        """The number of a function of a module, which stays in this process."""
        if type(thing) is not FunctionType or thing.__module__ in (None, "__main__", "__mp_main__"):
            return None
        self.functions.append(thing)
        return len(self.functions) - 1

    def reducer_override(self, thing: Any) -> Any:
        """A node by its parts, also where it could be found in its module."""
        return object.__reduce_ex__(thing, 2) if isinstance(thing, Node) else super().reducer_override(thing)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, functions: list[FunctionType]) -> None:
        super().__init__(file)
        self._functions = functions

    def persistent_load(self, number: int) -> FunctionType:
        """A copy of the function with a new code object."""
        old = self._functions[number]
        new = FunctionType(old.__code__.replace(), old.__globals__, old.__name__, old.__defaults__, old.__closure__)
        new.__kwdefaults__ = old.__kwdefaults__
        new.__dict__.update(old.__dict__)
        new.__annotations__, new.__qualname__, new.__module__ = old.__annotations__, old.__qualname__, old.__module__
        return new
