"""The magics in IPython at a terminal, where there are no widgets and no HTML."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def ipython(tmp_path: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """What IPython prints when the lines are typed into it."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "IPython",
            "--simple-prompt",
            "--no-banner",
            "--colors=NoColor",
            "--HistoryManager.enabled=False",
        ],
        input="\n".join([*lines, ""]),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
        timeout=60,
    )


def test_a_bench_is_a_table_of_text_shown_once(tmp_path: Path) -> None:
    done = ipython(tmp_path, "%load_ext pocket_lab", "%pocket_bench lambda:sum(range(100)) --budget 0.5s")
    assert done.stdout.count("Bench of lambda:sum(range(100))") == 1
    assert "1 point, " in done.stdout
    assert "95 % interval" in done.stdout
    assert "FloatProgress" not in done.stdout
    assert "<div" not in done.stdout


def test_an_error_of_the_target_is_its_own_traceback(tmp_path: Path) -> None:
    done = ipython(tmp_path, "%load_ext pocket_lab", "bad = lambda n: 1 / n", "%pocket_bench bad --sizes 0 --budget 0.5s")
    assert "ZeroDivisionError: division by zero" in done.stdout + done.stderr
    assert "pocket_lab/measure" not in done.stdout + done.stderr


def test_help_lists_the_options(tmp_path: Path) -> None:
    done = ipython(tmp_path, "%load_ext pocket_lab", "%pocket_bench?")
    assert "--executors" in done.stdout
    assert "How fast is it" in done.stdout
