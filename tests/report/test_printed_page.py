"""What the browser makes of a report on paper: no page with a line or two that belong elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from importlib.resources import files
from pathlib import Path

import pytest
from bundle_fixture import make_bundle

from radiofuse.report import write_report
from tests.browser import started

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WIDTH_PX = 688  # of A4 between its margins
FEWEST_LINES = 10  # of a page without a figure; without rules for breaks, paper of 230 mm gets pages of 1 and 5 lines


def print_page(page: Path, height_mm: int) -> bytes:
    """Return the page as a PDF on paper of this height."""
    sized = page.with_name("sized.html")
    sized.write_text(page.read_text().replace("@page {", f"@page {{ size: 210mm {height_mm}mm;"))
    pdf = page.with_name("page.pdf")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={pdf}"]
    profile = f"--user-data-dir={page.with_name('profile')}"
    subprocess.run([CHROMIUM, *options, profile, sized.as_uri()], check=True, capture_output=True, timeout=60)
    return pdf.read_bytes()


def drawn_pages(pdf: bytes) -> list[bytes]:
    """Return the drawing operators of each page, in order."""
    objects = dict(re.findall(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", pdf, re.S))
    contents = [re.search(rb"/Contents (\d+) 0 R", body) for body in objects.values() if b"/Type /Page\n" in body]
    streams = [objects[found[1]].split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0] for found in contents]
    return [zlib.decompress(stream) for stream in streams]


def n_lines(operators: bytes) -> int:
    """Return at how many heights text is set."""
    return len(set(re.findall(rb"(\S+) Tm", operators)))


def has_figure(operators: bytes) -> bool:
    """Whether many curves are drawn: the letters and markers of our figures are outlines."""
    return operators.count(b" c\n") > 50


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser that prints: chromium or google-chrome")
def test_no_printed_page_holds_a_few_lines_only(tmp_path):
    page = write_report(make_bundle(tmp_path / "bundle", deep=True))
    pages = drawn_pages(print_page(page, height_mm=230))
    assert len(pages) > 10 and any(map(has_figure, pages))
    n_lines_of = {place: n_lines(drawn) for place, drawn in enumerate(pages, 1) if not has_figure(drawn)}
    assert min(n_lines_of.values()) >= FEWEST_LINES, n_lines_of
    with started(tmp_path) as browser:  # what is wider than the paper has everything printed smaller
        browser.ask("Emulation.setEmulatedMedia", media="print")
        browser.open(page.as_uri(), WIDTH_PX)
        widths = "[...document.querySelectorAll('.scores-table')].map((one) => one.scrollWidth)"
        assert 0 < max(browser.value(widths)) <= WIDTH_PX


def test_rules_for_page_breaks_are_in_the_style():
    printed = files("radiofuse.report").joinpath("page.css").read_text().split("@media print {")[1]
    assert re.search(r"footer \{ break-inside: avoid; \}", printed)
    assert re.search(r"caption, thead, .* \{ break-after: avoid; \}", printed)
