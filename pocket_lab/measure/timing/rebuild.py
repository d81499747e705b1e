"""Rebuilding a target: new code objects at other addresses, so that no comparison depends on one memory layout.

Two builds of one function differ by up to one per cent for their whole lifetime, which more rounds do not average out.
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

    Functions of `__main__` and those made inside others are rebuilt by cloudpickle; functions of modules are copied
    with a new code object and the same globals.
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
        """A new build, and the padding that shifts the heap under it while it is kept."""
        shift = [bytearray(_random.randrange(_LARGEST_SHIFT)) for _ in range(_random.randrange(_SHIFTS))]
        return _Unpickler(io.BytesIO(self._pickled), self._functions).load(), shift


class _Pickler(Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.functions: list[FunctionType] = []

    def persistent_id(self, obj: Any) -> int | None:
        """The number of a function of a module, which stays in this process."""
        if type(obj) is not FunctionType or obj.__module__ in (None, "__main__", "__mp_main__"):
            return None
        self.functions.append(obj)
        return len(self.functions) - 1

    def reducer_override(self, obj: Any) -> Any:
        """Pickle a node by its parts, even if it could be imported from its module."""
        return object.__reduce_ex__(obj, 2) if isinstance(obj, Node) else super().reducer_override(obj)


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
