"""A real kernel to run cells in."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient


class Notebook:
    """Runs cells one by one in a kernel of its own and gives back their outputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._client = NotebookClient(
            nbformat.v4.new_notebook(),
            timeout=120,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(folder)}},
        )
        self._client.create_kernel_manager()
        self._client.start_new_kernel(cwd=str(folder))
        self._client.start_new_kernel_client()

    def interrupt(self) -> None:
        """What the Stop button does."""
        os.kill(self._client.km.provisioner.pid, signal.SIGINT)

    def run(self, source: str) -> Cell:
        """Execute one cell; errors are in its outputs."""
        cell = nbformat.v4.new_code_cell(source)
        self._client.nb.cells.append(cell)
        self._client.execute_cell(cell, len(self._client.nb.cells) - 1)
        return Cell(cell.outputs)

    def close(self) -> None:
        self._client._cleanup_kernel()


PROGRESS = re.compile(r" (samples|profiled|finished|failed) in [\d.]+ s$")  # the line that a measurement leaves


class Cell:
    """The outputs of a cell."""

    def __init__(self, outputs: list[Any]) -> None:
        self.outputs = outputs

    @property
    def shown(self) -> list[dict[str, str]]:
        """Bundles that were displayed, the progress line left out."""
        bundles = [dict(output.data) for output in self.outputs if output.output_type in ("display_data", "execute_result")]
        return [bundle for bundle in bundles if not PROGRESS.search(bundle["text/plain"])]

    @property
    def text(self) -> str:
        """What is displayed and printed, as text."""
        streams = [output.text for output in self.outputs if output.output_type == "stream"]
        return "\n".join([bundle["text/plain"] for bundle in self.shown] + streams)

    @property
    def error(self) -> Any:
        """The error output, or None."""
        return next((output for output in self.outputs if output.output_type == "error"), None)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    opened = Notebook(tmp_path_factory.mktemp("notebook"))
    yield opened
    opened.close()
