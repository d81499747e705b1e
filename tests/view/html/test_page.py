"""A page: sentences with names in them."""

from __future__ import annotations

from pocket_lab.records.caveat import Caveat
from pocket_lab.view.html.page import caveats, failures, paragraphs


def test_a_name_between_backticks_is_code_on_a_page_and_stays_text() -> None:
    text = "Slower in `a<b` (+2 %), not in `c`."
    shown = "Slower in <code>a&lt;b</code> (+2 %), not in <code>c</code>."
    assert paragraphs([text]) == f"<p>{shown}</p>"
    assert f"<li>{shown}</li>" in caveats([Caveat("code", text)])
    assert f"<li>{shown}</li>" in failures([text])
    assert paragraphs(["one ` alone, `\n`"]) == "<p>one ` alone, `\n`</p>"
