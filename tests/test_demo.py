"""The demo graph on the real standard library."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from pocket_lab import demo


def test_it_finds_the_asked_number_of_real_files_of_much_the_same_length() -> None:
    for count in (1, 10, 100):
        files = demo.list_files(count)
        assert len(files) == len(set(files)) == count
        assert all(Path(file).suffix == ".py" for file in files)
    means = [sum(map(os.path.getsize, demo.list_files(count))) / count for count in demo.SIZES]
    assert max(means) / min(means) < 1.1


def test_it_counts_the_identifiers_of_the_standard_library() -> None:
    result = dict(demo.graph.run(50))
    assert result["self"] > 500
    assert "def" not in result
    assert result[demo.UNREADABLE] == 0
    assert len(result) == 101


def test_a_file_that_does_not_decode_or_tokenize_is_counted_and_not_fatal() -> None:
    assert demo.tokenize(b"\xff\xfe\x00") is None
    assert demo.tokenize(b"def broken(:\n  '''") is None
    assert demo.tokenize(b"x = y + 1\n") == ["x", "y"]
    counts = [demo.count(None), demo.count(["x", "x"]), demo.count(None)]
    assert demo.rank(counts) == [("x", 2), (demo.UNREADABLE, 2)]


def test_every_start_is_a_fair_sample_and_more_than_there_are_repeats() -> None:
    ordered = [str(number) for number in range(100)]
    assert demo.evenly(ordered, 4) == ["12", "37", "62", "87"]
    assert Counter(demo.evenly(ordered, 250)).most_common(1)[0][1] == 3
    assert demo.evenly(ordered, 0) == []
