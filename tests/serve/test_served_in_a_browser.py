"""The user's way in a real browser: folder in, contact sheet, start, watch, read; at phone and desk width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, needs_browser, started
from tests.serve.predicted import as_shown, predicted
from tests.serve.running import Running

pytestmark = needs_browser
WIDTHS = ((390, 844), (1280, 900))
LOADED = "document.readyState === 'complete'"


@pytest.fixture(scope="module")
def browser(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that came by the link."""
    with started(tmp_path_factory.mktemp("browser")) as one:
        one.open(server.link)
        one.until(f"document.querySelector('#upload') !== null && {LOADED}")
        yield one


def choose(browser: Browser, field: str, paths: list[Path]) -> None:
    """Choose files in a field, as its dialog does."""
    root = browser.ask("DOM.getDocument")["root"]["nodeId"]
    node = browser.ask("DOM.querySelector", nodeId=root, selector=field)["nodeId"]
    browser.ask("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])


def seen(browser: Browser, address: str, place: Path, name: str) -> None:
    """Look at a page at both widths: nothing hangs over, nothing complains."""
    for width, height in WIDTHS:
        browser.open(address, width, height)
        picture = browser.picture(place / f"{name}_{width}.png")
        assert picture.stat().st_size > 10_000
        assert browser.value("document.documentElement.scrollWidth") <= width, name
        assert browser.errors == [], name


def test_a_real_patient_goes_in_and_the_numbers_of_predict_come_out(
    server, browser, tiny_bundle, patient, data_dir, tmp_path
):
    real = data_dir / "brats20_tcga_roi" / "cases" / "BraTS20_Training_219"
    base = server.link.partition("/?")[0]
    seen(browser, f"{base}/", tmp_path, "start")
    choose(browser, "#folder", [real])
    browser.until(f"location.pathname.startsWith('/uploads/') && {LOADED}")
    assert browser.value("document.title") == "Are these the right images?"  # the bundle's title ran no script
    seen(browser, browser.value("location.href"), tmp_path, "sheet")
    browser.value("document.querySelector('#start button').click()")
    browser.until(f"location.pathname.startsWith('/results/') && {LOADED}")
    result = browser.value("location.href")
    seen(browser, result, tmp_path, "result")
    shown = browser.value("[...document.querySelectorAll('.bar b')].map((one) => one.textContent)")
    expected = predicted(tiny_bundle, real, tmp_path)["outcomes"]
    assert shown == [as_shown(value) for one in expected.values() for value in one["probability"].values()]
    for page in ("doctor", "patient"):
        browser.open(f"{result}/{page}.html")
        assert browser.errors == []
        assert browser.value("document.querySelectorAll('img, canvas').length") > 0
        assert browser.value("(() => { try { return document.cookie } catch (error) { return 'none' } })()") == "none"
    assert {address.partition(base)[0] for address in browser.requests} == {""}  # no other place was asked


def test_hostile_names_do_not_run_in_a_browser(server, browser, patient, tmp_path):
    hostile = tmp_path / "<img src=x onerror=\"document.title='run'\">"
    hostile.mkdir()
    for path in patient.iterdir():
        (hostile / f"<script>document.title='run'<:script>{path.name}").write_bytes(path.read_bytes())
    base = server.link.partition("/?")[0]
    browser.open(f"{base}/")
    choose(browser, "#single", sorted(hostile.iterdir()))
    browser.until(f"location.pathname.startsWith('/uploads/') && {LOADED}")
    assert browser.value("document.title") == "Are these the right images?"
    assert "<script>" in browser.value("document.querySelector('main').textContent")
    browser.value("document.querySelector('form[action$=remove] button').click()")
    browser.until(f"location.pathname === '/' && {LOADED}")
    assert server.uploads() == []


def test_what_cannot_be_sent_is_told_on_the_page(server, browser, tmp_path):
    base = server.link.partition("/?")[0]
    browser.open(f"{base}/")
    for number in range(21):
        (tmp_path / f"{number}.nii").write_bytes(b"x")
    choose(browser, "#single", sorted(tmp_path.iterdir()))
    said = browser.until("document.getElementById('trouble').textContent")
    assert said == "These are 21 files, and an upload may have 20. Send one patient at a time."
