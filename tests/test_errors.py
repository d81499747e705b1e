"""Names, wherever they come from, are text in a message."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.errors import GraphError, NodeError, StoredError, printable

ANY = st.text(st.characters(codec=None, categories=None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – ünïcode 🙂 \t\n", "plain – ünïcode 🙂 \t\n"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m\x07\x00\x7f", r"\x9b31m\x07\x00\x7f"),
        ("over\rwritten", r"over\rwritten"),
        ("line\r\nend", "line\r\nend"),
        ("caf\udce9", r"caf\udce9"),
        ("a\u202eb\u2066c\u2028d", r"a\u202eb\u2066c\u2028d"),
        ("עברית \u200e العربية", "עברית \u200e العربية"),
    ],
)
def test_control_characters_and_lone_surrogates_are_shown_as_in_a_python_string(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANY)
def test_printable_text_can_be_written_and_has_no_escape_codes(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert not set(shown) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), *range(127, 160))}
    assert printable(shown) == shown


def test_errors_have_printable_messages_and_cross_processes_as_they_were() -> None:
    error = GraphError('no node is named "\x1b[2J"')
    assert str(error) == r'no node is named "\x1b[2J"'
    assert pickle.loads(pickle.dumps(error)).args == error.args
    assert str(NodeError("a\x07", "exec", None, "ValueError: \x1b]0;x")) == r'node "a\x07" failed in exec: ValueError: \x1b]0;x'


def test_a_stored_error_has_the_type_that_it_had() -> None:
    assert StoredError("KeyError: 'a: b'").type == "KeyError"
    assert StoredError("").type == ""
