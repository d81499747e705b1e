"""The house itself: floors, module sizes, version, licence, and the folder that Binder reads."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import pocket_lab

ROOT = Path(__file__).parent.parent
TOP_LEVEL = {"pyproject.toml", "noxfile.py", "pocket_lab", "notebooks", "tests", "binder"}
FLOWS = re.compile(r"^    data +(.+)\n    imports +(.+\n +.+)$", re.MULTILINE)
FLOOR = re.compile(r"^\| (\d+) \| ([^|]+) \|", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
PAGES = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CITATION.cff", "LICENSE"}


def tool(name: str) -> str:
    """A command of this interpreter's environment, or skip."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_imports_go_down_the_floors() -> None:
    done = subprocess.run([tool("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_and_the_contract_show_the_same_floors() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = [layer.split(" | ") for layer in contracts[0]["layers"]]
    readme, contributing = ((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    flows = [FLOWS.findall(text) for text in (readme, contributing, pocket_lab.__doc__ or "")]
    assert flows[0] == flows[1] == flows[2]
    ((data, imports),) = flows[0]
    assert [floor.split(", ") for floor in " ".join(imports.split()).split(" > ")] == floors
    assert {room for step in data.split(" -> ") for room in step.split(", ")} <= {room for floor in floors for room in floor}
    numbered = [(int(number), CODE.findall(rooms)) for number, rooms in FLOOR.findall(contributing)]
    assert numbered == [(len(floors) - 1 - down, floor) for down, floor in enumerate(floors)]
    table = readme.split("| room |")[1].split("\n\n")[0]
    rows = [[name.removesuffix(".py") for name in CODE.findall(row.split("|")[1])] for row in table.splitlines()[2:]]
    assert rows == floors


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in ROOT.glob("pocket_lab/**/*.py")}
    assert max(lengths.values()) <= 400, {name: length for name, length in lengths.items() if length > 400}


def test_no_folder_holds_more_modules_than_a_reader_takes_in() -> None:
    modules = [path for path in ROOT.glob("pocket_lab/**/*.py") if path.name != "__init__.py"]
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in modules)
    assert not {folder: count for folder, count in counts.items() if count > 14}


def test_every_package_says_what_flows_in_and_out() -> None:
    for path in ROOT.glob("pocket_lab/*/**/__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert "In:" in text, path
        assert "Out:" in text, path


def test_the_top_level_is_what_was_agreed() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in listing.stdout.splitlines()}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL | PAGES


def test_the_version_has_one_place() -> None:
    assert importlib.metadata.version("pocket-lab") == pocket_lab.__version__
    assert f"## {pocket_lab.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_versions_of_python_are_the_same_everywhere() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = re.findall(r"Python :: (3\.\d+)", " ".join(settings["project"]["classifiers"]))
    tested = set(re.findall(r'python: "([\d.]+)"', (ROOT / ".github/workflows/ci.yml").read_text()))
    assert set(named) == tested, "CI runs the tests on each version that pyproject.toml names"
    lowest = named[0]
    assert settings["project"]["requires-python"] == f">={lowest}"
    assert settings["tool"]["mypy"]["python_version"] == lowest
    assert settings["tool"]["ruff"]["target-version"] == f"py{lowest.replace('.', '')}"
    assert f"Python {lowest} or later" in (ROOT / "README.md").read_text()
    assert f"Python {lowest} or later" in (ROOT / "CONTRIBUTING.md").read_text()
    assert (ROOT / "binder/runtime.txt").read_text().strip().removeprefix("python-") in named


def test_types_are_shipped() -> None:
    assert (Path(pocket_lab.__file__).parent / "py.typed").exists()


@pytest.mark.slow
def test_repo2docker_builds_the_binder_folder_with_the_right_python_and_this_package() -> None:
    command = [tool("jupyter-repo2docker"), "--no-build", "--debug", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    wanted = (ROOT / "binder/runtime.txt").read_text().strip().removeprefix("python-")
    assert f"py-3d{wanted.replace('.', '-2e')}" in text.replace("-2e3-2e", "-2e") or f"py-{wanted}" in text.replace(
        "-2e", "."
    ).replace("-2d", "-")
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in text
    assert (ROOT / "binder/requirements.txt").read_text().strip() == ".[all]"


def test_the_binder_badge_of_the_readme_opens_a_notebook_that_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    (path,) = {part.split(")")[0].replace("%2F", "/") for part in readme.split("labpath=")[1:]}
    assert (ROOT / path).exists()
    assert "https://mybinder.org/v2/gh/" in readme
