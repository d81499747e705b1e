"""A real JupyterLab and a real Voila driven in a real Chromium, offline: what the browser tests use."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Route

_CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_NOTEBOOK = "window.jupyterapp.shell.currentWidget"


def find_chromium() -> str | None:
    """The browser of the system, or the one that CHROMIUM names."""
    return os.environ.get("CHROMIUM") or next((path for path in map(shutil.which, _CHROMIUMS) if path), None)


@contextmanager
def jupyterlab(root: Path, home: Path) -> Iterator[str]:
    """A JupyterLab on the loopback address that serves `root`; yields its address up to the token parameter."""
    settings = home / "settings"
    for plugin, values in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false", "doNotDisturbMode": True},
    }.items():
        folder, name = plugin.split("/")
        (settings / "@jupyterlab" / folder).mkdir(parents=True)
        (settings / "@jupyterlab" / folder / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
    port = _free_port()
    token = secrets.token_hex(16)
    folders = {"JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}", "--LabApp.expose_app_in_browser=True"]
    command += ["--ServerApp.allow_root=True", "--ServerApp.terminals_enabled=False"]
    with _server(command, root, home, f"http://127.0.0.1:{port}/api/status?token={token}", folders):
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"


@contextmanager
def voila(notebook: Path, home: Path) -> Iterator[str]:
    """A Voila on the loopback address that runs the notebook for each visitor; yields its address."""
    port = _free_port()
    command = [sys.executable, "-m", "voila", str(notebook), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    # asked for a file of its own, since each visit of its page starts a kernel
    with _server(command, notebook.parent, home, f"http://127.0.0.1:{port}/voila/static/require.min.js", {}):
        yield f"http://127.0.0.1:{port}/"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _server(command: list[str], root: Path, home: Path, ready: str, more: dict[str, str]) -> Iterator[None]:
    """A Jupyter server with folders of its own, until it answers at `ready`; its whole group ends with it."""
    folders = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "RUNTIME", "DATA")}
    environment = {**os.environ, **folders, "IPYTHONDIR": str(home / "ipython"), **more}
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=root, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        _wait_for(ready, server, home / "server.log")
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text()[-3000:]}")


class LabPage:
    """One notebook in one page; requests that leave this machine are refused and noted in `outside`."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.outside: list[str] = []
        context.route("**/*", self._keep_inside)
        self.page: Page = context.new_page()
        self.page.set_default_timeout(30_000)
        self._address = address

    def open(self, name: str) -> None:
        self.page.goto(self._address.format(name))
        self.page.wait_for_function(f"() => {_NOTEBOOK.replace('.', '?.')}?.sessionContext?.isReady")
        self.page.wait_for_function(f"() => {_NOTEBOOK}.sessionContext.session?.kernel?.status === 'idle'")

    def command(self, name: str) -> None:
        self.page.evaluate("name => window.jupyterapp.commands.execute(name).then(() => true)", name)

    def start_all(self) -> None:
        """Run all cells without waiting for them."""
        self.page.evaluate("""() => {
            window.ended = undefined;
            window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.ended = true; });
        }""")

    def wait_for_end(self, seconds: float) -> None:
        self.page.wait_for_function("() => window.ended", timeout=seconds * 1000)

    def outputs(self) -> list[dict[str, Any]]:
        cells: list[dict[str, Any]] = self.page.evaluate(f"() => {_NOTEBOOK}.content.model.toJSON().cells")
        return [output for cell in cells for output in cell.get("outputs", [])]

    def errors(self) -> list[str]:
        return [f"{o['ename']}: {o['evalue']}" for o in self.outputs() if o["output_type"] == "error"]

    def close(self) -> None:
        self.page.evaluate(f"() => {_NOTEBOOK}.sessionContext.shutdown().then(() => true)")

    def _keep_inside(self, route: Route) -> None:
        if route.request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()
