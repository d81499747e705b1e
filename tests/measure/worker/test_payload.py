"""A job that cannot be pickled: the object is named, however its parts are connected."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from pocket_lab.errors import UsageError
from pocket_lab.measure.worker.payload import dump


@dataclass
class Job:
    target: Any
    hint: str = "try another way"

    def parts(self) -> dict[str, Any]:
        return {"target": self.target}


class Holder:
    def __init__(self, lock: Any = None) -> None:
        self.lock = lock
        self.again = self


class MakesMore:
    """Its attributes are new objects each time, none of which can be pickled."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return {"more": MakesMore()}

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle this")


@pytest.mark.parametrize("target", [Holder(threading.Lock()), {"holder": Holder(threading.Lock())}])
def test_the_innermost_object_is_named(target: Any) -> None:
    with pytest.raises(UsageError, match=r'attribute "lock" cannot be sent .*cannot pickle .*; try another way'):
        dump(print, Job(target))


@pytest.mark.parametrize("make", [MakesMore, lambda: AsyncMock(name="service"), lambda: Mock(side_effect=threading.Lock())])
def test_objects_that_refer_to_each_other_without_end_end_in_an_error(make: Any) -> None:
    target = make()
    with pytest.raises(UsageError, match=r"^target.* cannot be sent to the measuring process"):
        dump(print, Job(target))
