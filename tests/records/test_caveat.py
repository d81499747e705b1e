"""Every code of a caveat is documented once, and every documented code is used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pocket_lab
from pocket_lab.records.caveat import CODES

PACKAGE = Path(pocket_lab.__file__).parent


def made_caveats() -> Iterator[tuple[str, ast.expr]]:
    """The first argument of every `Caveat(...)` of the package, with its file and line."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for part in ast.walk(ast.parse(path.read_text())):
            if isinstance(part, ast.Call) and getattr(part.func, "id", getattr(part.func, "attr", None)) == "Caveat":
                code = part.args[0] if part.args else next(k.value for k in part.keywords if k.arg == "code")
                yield f"{path.relative_to(PACKAGE)}:{part.lineno}", code


def test_every_code_in_the_package_is_documented_and_every_documented_code_is_used() -> None:
    used = dict(made_caveats())
    assert len(used) > 30, "the search has found the caveats"
    not_literal = [where for where, code in used.items() if not isinstance(code, ast.Constant)]
    assert not not_literal, "write the code of a caveat as a literal, so that it can be searched for"
    codes = {where: ast.literal_eval(code) for where, code in used.items()}
    assert {where: code for where, code in codes.items() if code not in CODES} == {}, "add these to records/caveat.py"
    assert set(CODES) - set(codes.values()) == set(), "nobody uses these codes: remove them from records/caveat.py"


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_explained_in_one_sentence(code: str) -> None:
    assert CODES[code][0].isupper() or CODES[code].startswith(("caches", "line_profiler"))
    assert CODES[code].endswith(".")
    assert list(CODES) == sorted(CODES)
