"""Every step of the checks, written once: `.ci/run`, the CI workflow and people all call these sessions.

    .venv/bin/nox              lint, types, floors, tests
    .venv/bin/nox -s check     the same and slow: what `.ci/run` and CI run
    .venv/bin/nox -l           the list of sessions
    .venv/bin/nox -s slow      what is slow by nature: every notebook, repo2docker, the longest trials
    .venv/bin/nox -s versions  the tests on each supported version of Python that this machine has

Sessions use the environment that nox itself is installed in (`pip install ".[dev]"`), except `versions`, `lowest`, `newest` and
`memray`, which make their own.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
MEMRAY = ("1.19.1", "newest")  # the lower bound in pyproject.toml writes header version 12, which only memray's reader reads

QUICK = ("lint", "types", "floors", "tests")

nox.options.sessions = QUICK
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False


def run(session: nox.Session, tool: str, *arguments: str) -> None:
    """Run a tool of the environment that nox is installed in."""
    session.run(str(BIN / tool), *arguments, external=True)


@nox.session
def check(session: nox.Session) -> None:
    """All that a change must pass: the default sessions, then `slow`."""
    for step in (*QUICK, "slow"):
        session.notify(step)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and format."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types."""
    run(session, "mypy")


@nox.session
def floors(session: nox.Session) -> None:
    """Imports go down the floors, never up and never in a circle."""
    run(session, "lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """The test command of the README."""
    run(session, "pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """What the README's command leaves out because it is slow by nature."""
    run(session, "pytest", "-m", "slow", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The tests of the README with the lines and branches that they reach."""
    run(session, "pytest", "--cov", "--cov-report=term:skip-covered", "--cov-report=xml", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """Everything, with property tests that search for new examples."""
    run(session, "pytest", "-m", "", "--hypothesis-profile=nightly", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Every benchmark; each exits with 1 where a bar is missed. They need a quiet machine, and about an hour."""
    missed = []
    for file in sorted((ROOT / "tests/benchmarks").glob("*.py")):
        try:
            session.run(sys.executable, str(file), external=True)
        except CommandFailed:
            missed.append(file.name)
    if missed:
        session.error(f"missed: {', '.join(missed)}")


@nox.session(python=PYTHONS, venv_backend="venv")
def versions(session: nox.Session) -> None:
    """The tests on a version of Python; versions that are not installed are left out, where `CI` is set they are errors."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session(venv_backend="venv")
def lowest(session: nox.Session) -> None:
    """The tests with the lowest versions of the dependencies that pyproject.toml allows."""
    session.install(".[test]", *_lowest())
    session.run("pytest", *session.posargs)


@nox.session(venv_backend="venv")
def newest(session: nox.Session) -> None:
    """The tests with the newest versions of everything, pre-releases too."""
    session.install("--upgrade", "--pre", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(venv_backend="venv")
@nox.parametrize("version", MEMRAY)
def memray(session: nox.Session, version: str) -> None:
    """The memory profiles with the oldest and the newest memray that are supported."""
    session.install(".[test]", "memray" if version == "newest" else f"memray=={version}")
    session.run("pytest", "tests/profile/memory", "tests/lab/test_memory_verb.py", *session.posargs)


def _lowest() -> list[str]:
    """Each dependency pinned to its lower bound."""
    return [re.sub(r">=([\w.]+).*", r"==\1", requirement) for requirement in PROJECT["dependencies"]]
