"""Whether two results are equal, and if not, where inside the value they differ."""

from __future__ import annotations

import cmath
import math
import reprlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from numbers import Complex
from typing import Any

_TOLERANCE = 1e-9
_DEEPEST = 100
_LONGEST_TEXT = 200
_short = reprlib.Repr()
_short.maxother = _short.maxstring = 40


class Incomparable(Exception):
    """Nothing tells whether two values are equal; the message names their type and where they are."""


def first_difference(a: Any, b: Any) -> str | None:
    """Where two values differ, as a path with both values (`["rows"][2]: 3 against 4`); None where they are equal.

    Floats are equal within a relative 1e-9, and NaN equals NaN, also as a key, as does any value that differs from itself;
    arrays and frames are compared by their own comparers, with that tolerance; objects by their `==`, or by their attributes
    where they have none. Raises Incomparable.
    """
    return next(_differences(a, b, "", 0), None)


def _differences(a: Any, b: Any, path: str, depth: int) -> Iterator[str]:
    if a is b:
        return
    if depth > _DEEPEST:
        raise Incomparable(f"values nested more than {_DEEPEST} deep")
    if (by_own := _by_own_comparer(a, b)) is not None:
        if by_own:
            yield f"{path or 'result'}{by_own}"
    elif isinstance(a, Complex) and isinstance(b, Complex):
        if not _are_close(a, b):
            yield _against(a, b, path)
    elif type(a) is not type(b) and not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        yield f"{path or 'result'}: {_kind(a)} against {_kind(b)}"
    elif isinstance(a, Mapping):
        yield from _of_parts(a, b, lambda key: f"{path}[{_short.repr(key)}]", depth)
    elif isinstance(a, list | tuple):
        if len(a) != len(b):
            yield f"{path or 'result'}: {len(a)} elements against {len(b)}"
        for index, (one, other) in enumerate(zip(a, b, strict=False)):
            yield from _differences(one, other, f"{path}[{index}]", depth + 1)
    elif is_dataclass(a) and not isinstance(a, type):
        one, other = ({field.name: getattr(value, field.name, None) for field in fields(a)} for value in (a, b))
        yield from _of_parts(one, other, lambda name: f"{path}.{name}", depth)
    elif not _has_own_equality(a):
        if not hasattr(a, "__dict__") or callable(a):
            raise Incomparable(f"{path or 'result'}: values of type {type(a).__name__}, which have no ==")
        yield from _of_parts(_attributes(a), _attributes(b), lambda name: f"{path}.{name}", depth)
    elif not _is_equal(a, b):
        yield _against(a, b, path)


def _of_parts(a: Mapping[Any, Any], b: Mapping[Any, Any], name: Callable[[Any], str], depth: int) -> Iterator[str]:
    a, b = _with_one_nan(a), _with_one_nan(b)
    for key in (*a, *(key for key in b if key not in a)):
        if key not in a or key not in b:
            yield f"{name(key)}: only in the {'second' if key not in a else 'first'}"
        else:
            yield from _differences(a[key], b[key], name(key), depth + 1)


def _with_one_nan(parts: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The parts with keys that are NaN replaced by the one of `math`, which is found by its identity."""
    if not any(isinstance(key, float) and key != key for key in parts):
        return parts
    return {math.nan if isinstance(key, float) and key != key else key: value for key, value in parts.items()}


def _are_close(a: Any, b: Any) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    try:
        if cmath.isnan(a) or cmath.isnan(b):
            return cmath.isnan(a) and cmath.isnan(b)
        return cmath.isclose(a, b, rel_tol=_TOLERANCE)
    except (TypeError, OverflowError):  # an int beyond the range of floats
        return bool(a == b)


def _attributes(value: Any) -> Mapping[str, Any]:
    """Those of an object; of an exception its arguments too, which are in no dictionary."""
    return {"args": value.args, **vars(value)} if isinstance(value, BaseException) else vars(value)


def _has_own_equality(value: Any) -> bool:
    kind: Any = type(value)
    return kind.__eq__ is not object.__eq__


def _is_equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b) or (bool(a != a) and bool(b != b))
    except Exception as error:  # any class may fail to compare
        raise Incomparable(f"values of type {type(a).__name__}, whose == raises {type(error).__name__}") from error


def _by_own_comparer(a: Any, b: Any) -> str | None:
    """For arrays and frames the difference, "" if none; None for other values. No library is loaded for it."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if pandas is not None and type(a) is type(b) and isinstance(a, pandas.DataFrame | pandas.Series | pandas.Index):
        checks = {"DataFrame": pandas.testing.assert_frame_equal, "Series": pandas.testing.assert_series_equal}
        check = checks.get(type(a).__name__, pandas.testing.assert_index_equal)
        return _failure(lambda: check(a, b, rtol=_TOLERANCE, atol=0.0))
    if numpy is not None and (isinstance(a, numpy.ndarray) or isinstance(b, numpy.ndarray)):
        if not (isinstance(a, numpy.ndarray) and isinstance(b, numpy.ndarray)):
            return f": {_kind(a)} against {_kind(b)}"
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f": {_kind(a)} of {a.dtype} {a.shape} against {b.dtype} {b.shape}"
        if a.dtype == object:
            one, other = (array if array.ndim else array.reshape(1) for array in (a, b))
            return next(_differences(one.tolist(), other.tolist(), "", 0), "")
        is_float = a.dtype.kind in "fc"
        same = numpy.isclose(a, b, rtol=_TOLERANCE, atol=0.0) if is_float else a == b
        same |= (a != a) & (b != b)
        if numpy.all(same):
            return ""
        index = tuple(int(axis[0]) for axis in numpy.nonzero(~numpy.asarray(same)))
        return f"[{', '.join(map(str, index))}]: {a[index]} against {b[index]}"
    return None


def _failure(check: Callable[[], None]) -> str:
    """What an assertion of pandas says, in one line; "" where it holds."""
    try:
        check()
    except AssertionError as error:
        text = " ".join(str(error).split())
        return f": {text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + '...'}"
    return ""


def _against(a: Any, b: Any, path: str) -> str:
    return f"{path or 'result'}: {_short.repr(a)} against {_short.repr(b)}"


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
