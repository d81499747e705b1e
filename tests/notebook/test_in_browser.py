"""The notebooks as a new user meets them: JupyterLab in a browser, no network."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from browser import CHROMIUM_FLAGS, LabPage, find_chromium, jupyterlab, voila
from playwright.sync_api import Browser, Locator, expect, sync_playwright

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
SHOTS = os.environ.get("POCKET_LAB_SHOTS")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    root = tmp_path_factory.mktemp("lab")
    with jupyterlab(root, tmp_path_factory.mktemp("home")) as address:
        yield root, address


@pytest.fixture
def open_notebook(chromium: Browser, lab: tuple[Path, str]) -> Iterator[Callable[[str], LabPage]]:
    _, address = lab
    context = chromium.new_context(viewport={"width": 1280, "height": 1600})
    opened: list[LabPage] = []

    def opener(name: str) -> LabPage:
        page = LabPage(context, address)
        opened.append(page)
        page.open(name)
        return page

    yield opener
    for page in opened:
        page.close()
    context.close()


def write(lab: tuple[Path, str], name: str, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab[0] / name)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_quickstart_runs_from_top_to_bottom_and_every_result_is_seen(
    open_notebook: Callable[[str], LabPage], lab: tuple[Path, str]
) -> None:
    shutil.copy(NOTEBOOKS / "01_quickstart.ipynb", lab[0])
    notebook = open_notebook("01_quickstart.ipynb")
    notebook.start_all()
    bar = notebook.page.locator(".jp-OutputArea .widget-hprogress, .jp-OutputArea .progress").first
    expect(bar).to_be_visible(timeout=60_000)
    expect(notebook.page.locator(".jp-OutputArea .widget-html").first).to_contain_text(re.compile(r"\d+/12 points"))
    notebook.wait_for_end(300)
    assert notebook.errors() == []
    results = notebook.page.locator(".jp-OutputArea .pocket-lab")
    expect(results).to_have_count(7)
    expect(bar).to_have_count(0)
    for index in range(6):
        picture = results.nth(index).locator("svg").first
        assert picture.bounding_box()["width"] > 300  # type: ignore[index]
    expect(results.nth(6).locator("table.heat").first).to_be_visible()
    expect(notebook.page.locator(".jp-OutputArea img")).to_have_count(2)
    assert notebook.outside == []
    if SHOTS:
        shoot(notebook, Path(SHOTS))


@pytest.mark.slow
def test_the_stop_button_keeps_what_was_measured(open_notebook: Callable[[str], LabPage], lab: tuple[Path, str]) -> None:
    write(
        lab,
        "stop.ipynb",
        "%load_ext pocket_lab\nimport time\nsleepy = lambda size: time.sleep(0.05 * size)",
        "%pocket_bench sleepy --sizes 1,2 --budget 100s --precision 0.0001%",
        "print('went on')",
    )
    notebook = open_notebook("stop.ipynb")
    notebook.start_all()
    expect(notebook.page.locator(".jp-OutputArea .widget-html").first).to_contain_text("±", timeout=60_000)
    notebook.page.locator("[data-command='notebook:interrupt-kernel'], [data-command='runmenu:interrupt']").first.click()
    expect(notebook.page.locator(".jp-OutputArea .pocket-lab")).to_contain_text("cancelled", timeout=5_000)
    notebook.wait_for_end(10)
    assert [error.split(":")[0] for error in notebook.errors()] == ["KeyboardInterrupt"]
    assert not any("went on" in str(output.get("text")) for output in notebook.outputs())


def set_theme(notebook: LabPage, theme: str) -> None:
    """Show the page in the theme Light or Dark."""
    notebook.page.evaluate(
        f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
    )
    expect(notebook.page.locator(f"body[data-jp-theme-light='{str(theme == 'Light').lower()}']")).to_have_count(1)


@pytest.mark.slow
def test_the_notebook_of_graphs_runs_and_its_drawing_reads_on_light_and_dark_pages(
    open_notebook: Callable[[str], LabPage], lab: tuple[Path, str]
) -> None:
    shutil.copy(NOTEBOOKS / "02_graphs.ipynb", lab[0] / "graphs.ipynb")
    notebook = open_notebook("graphs.ipynb")
    notebook.start_all()
    notebook.wait_for_end(60)
    assert notebook.errors() == []
    drawing = notebook.page.locator(".jp-OutputArea svg").first
    for theme in ("Dark", "Light"):
        set_theme(notebook, theme)
        assert drawing.bounding_box()["height"] > 200  # type: ignore[index]
        for text in ("tokenize", "classify", "spam", "ham", "quarantine"):
            expect(drawing.locator("text", has_text=text).first).to_be_visible()
        colour = drawing.locator("text").first.evaluate("element => getComputedStyle(element).fill")
        lightness = [int(part) for part in re.findall(r"\d+", colour)[:3]]
        assert min(lightness) > 150 if theme == "Dark" else max(lightness) < 100, f"{colour} cannot be read"
        if SHOTS:
            drawing.screenshot(path=Path(SHOTS) / f"graphs-{theme}.png")
    assert notebook.outside == []


@pytest.mark.slow
def test_results_read_on_a_dark_page(open_notebook: Callable[[str], LabPage], lab: tuple[Path, str]) -> None:
    write(lab, "dark.ipynb", "%load_ext pocket_lab", "%pocket_bench lambda:sum(range(100)) --budget 0.5s")
    notebook = open_notebook("dark.ipynb")
    set_theme(notebook, "Dark")
    notebook.start_all()
    notebook.wait_for_end(60)
    text = notebook.page.locator(".pocket-lab svg text").first
    colour = text.evaluate("element => getComputedStyle(element).fill")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    assert min(red, green, blue) > 150, f"{colour} is too dark to read"
    if SHOTS:
        notebook.page.screenshot(path=Path(SHOTS) / "dark.png")
    set_theme(notebook, "Light")


def shoot(notebook: LabPage, folder: Path) -> None:
    """Pictures of every result, for a person to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    results = notebook.page.locator(".jp-OutputArea .pocket-lab")
    for index in range(results.count()):
        results.nth(index).screenshot(path=folder / f"result-{index}.png")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_notebook_of_trust_shows_comparisons_loads_and_the_history_once_each(
    open_notebook: Callable[[str], LabPage], lab: tuple[Path, str]
) -> None:
    shutil.copy(NOTEBOOKS / "03_trust.ipynb", lab[0])
    notebook = open_notebook("03_trust.ipynb")
    notebook.start_all()
    notebook.wait_for_end(200)
    assert notebook.errors() == []
    titles = notebook.page.locator(".jp-OutputArea .pocket-lab h3").all_inner_texts()
    assert [title for title in titles if title == "History"] == ["History"]
    assert titles.count("Bench of service") == 2
    assert sum(title.endswith(', "words"') for title in titles) == 2, "measured, and resumed"
    expect(notebook.page.locator(".jp-OutputArea .pocket-lab", has_text="Noise floor").first).to_be_visible()
    expect(notebook.page.locator(".jp-OutputArea .pocket-lab th", has_text="p99").first).to_be_visible()
    assert notebook.outside == []
    if SHOTS:
        notebook.page.locator(".jp-Notebook").first.screenshot(path=str(Path(SHOTS) / "trust.png"))
        for index, result in enumerate(notebook.page.locator(".jp-OutputArea .pocket-lab").all()):
            result.screenshot(path=str(Path(SHOTS) / f"trust{index}.png"))


def test_a_monitor_is_live_while_later_cells_run_and_its_buttons_work(
    open_notebook: Callable[[str], LabPage], lab: tuple[Path, str]
) -> None:
    write(
        lab,
        "live.ipynb",
        "%load_ext pocket_lab\nimport time\nfrom pocket_lab import Graph, node\n"
        "@node\ndef fetch(n):\n    time.sleep(0.01)\n    return n\n@node\ndef parse(n):\n    return 1 / (n % 5)\n"
        "graph = Graph(fetch >> parse)",
        "%pocket_monitor graph --every 0.2s --window 10s",
        "for n in range(300):\n    try:\n        graph.run(n)\n    except Exception:\n        pass",
    )
    notebook = open_notebook("live.ipynb")
    notebook.start_all()
    view = notebook.page.locator(".jp-OutputArea .widget-html .pocket-lab")
    seen = {text for _ in range(8) if (text := view.locator("h3").inner_text(timeout=60_000)) and not time.sleep(0.3)}
    assert len(seen) >= 3, f"it stood still: {seen}"
    notebook.wait_for_end(60)
    expect(view.locator("h3")).to_contain_text("Monitor: 600 visits", timeout=5_000)
    expect(view.locator("tr", has_text="parse")).to_contain_text("20 %")
    if SHOTS:
        notebook.page.locator(".jp-Notebook").first.screenshot(path=str(Path(SHOTS) / "live.png"))
    notebook.page.get_by_role("button", name="Reset").click()
    expect(view.locator("h3")).to_contain_text("Monitor: 0 visits", timeout=5_000)
    notebook.page.get_by_role("button", name="Stop").click()
    expect(notebook.page.locator(".jp-OutputArea .widget-html")).to_have_count(0)
    expect(notebook.page.locator(".jp-OutputArea .pocket-lab svg")).to_have_count(1)
    assert notebook.errors() == []
    assert notebook.outside == []


PROFILES = [
    "Trace of pages",
    "Calls of pages",
    "Lines of pages",
    "Memory of pages",
    "Bench of pages",
    "Leaks of forgetful in 8 runs",
]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_notebook_of_profiles_shows_each_once_and_its_flame_graphs_zoom(
    open_notebook: Callable[[str], LabPage], lab: tuple[Path, str]
) -> None:
    shutil.copy(NOTEBOOKS / "04_profiles.ipynb", lab[0] / "profiles.ipynb")
    notebook = open_notebook("profiles.ipynb")
    notebook.start_all()
    notebook.wait_for_end(300)
    assert notebook.errors() == []
    for theme in ("Dark", "Light"):
        set_theme(notebook, theme)
        titles = notebook.page.locator(".jp-OutputArea .pocket-lab h3").all_inner_texts()
        assert [title for title in titles if title in PROFILES] == PROFILES
        for title in ("Calls of pages", "Memory of pages"):
            zooms(notebook.page.locator(".jp-OutputArea .pocket-lab", has=notebook.page.get_by_role("heading", name=title)))
        if SHOTS:
            for index, result in enumerate(notebook.page.locator(".jp-OutputArea .pocket-lab").all()):
                result.screenshot(path=Path(SHOTS) / f"profiles-{theme}-{index}.png")
    assert notebook.outside == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_profiles_stand_in_voila_and_their_flame_graphs_zoom(chromium: Browser, tmp_path: Path) -> None:
    cells = nbformat.read(NOTEBOOKS / "04_profiles.ipynb", as_version=4).cells
    wanted = ("%load_ext", "import time", "t = %", "c = %", "p = %", "m = %")
    kept = [cell for cell in cells if cell.cell_type == "markdown" or cell.source.startswith(wanted)]
    notebook = nbformat.v4.new_notebook(cells=kept)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "app.ipynb")
    context = chromium.new_context(viewport={"width": 1280, "height": 1600})
    context.route(lambda url: "//127.0.0.1" not in url, lambda route: route.abort())  # Voila itself asks for a font
    with voila(tmp_path / "app.ipynb", tmp_path) as address:
        page = context.new_page()
        page.goto(address)
        results = page.locator(".pocket-lab")
        expect(results.get_by_role("heading", level=3)).to_have_text(PROFILES[:4], timeout=200_000)
        for title in ("Calls of pages", "Memory of pages"):
            zooms(results.filter(has=page.get_by_role("heading", name=title)))
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / "voila.png", full_page=True)
        context.close()


def zooms(result: Locator) -> None:
    """A click on a call gives it the whole width and hides what is beside it; a click on the root brings all back."""
    bars = result.locator("svg[data-x] > rect")
    narrow = result.locator("svg[data-d='1'] > rect").last
    root, before = bars.first.bounding_box(), narrow.bounding_box()
    assert root is not None
    assert before is not None
    assert before["width"] < 0.9 * root["width"]
    narrow.click(position={"x": 1, "y": 2})  # not on its name
    assert narrow.bounding_box()["width"] == pytest.approx(root["width"], rel=0.01)  # type: ignore[index]
    expect(result.locator("svg[data-d='1'] > rect").first).to_be_hidden()
    bars.first.click(position={"x": root["width"] / 2, "y": 2})
    assert narrow.bounding_box()["width"] == pytest.approx(before["width"], rel=0.01)  # type: ignore[index]
    expect(result.locator("svg[data-d='1'] > rect").first).to_be_visible()
