"""A language model is asked only where it is named, is told no identifier, and is quoted only as checked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from radiofuse.commands.rewriting import KEY, Writer
from radiofuse.errors import CohortError, RequestError
from radiofuse.report.patient.machine_text import MachineText, checked, without_identifiers
from radiofuse.report.patient.page import render_patient_page
from radiofuse.report.patient.survival import rows_that_apply
from radiofuse.tables.survival_groups import read_survival
from tests.report.test_patient_page import ANSWER, text_of

GOOD = "The model calls idh mutant with a probability of 77.1%.\n\nThe sequence t1ce was missing. This is research."


class _Endpoint(BaseHTTPRequestHandler):
    said: bytes = b""
    status = 200
    asked: list[tuple[str, str | None, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, *args: Any) -> None:
        """Say nothing on the screen of the tests."""


@pytest.fixture
def endpoint() -> Iterator[tuple[str, type[_Endpoint]]]:
    """An endpoint on this machine, and the class that says what it answers."""
    handler = type("Handler", (_Endpoint,), {"asked": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1", handler
        server.shutdown()
        thread.join()


def answer_of(text: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def test_the_model_is_told_no_identifier_and_its_text_stands_apart(
    endpoint: tuple[str, type[_Endpoint]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, handler = endpoint
    handler.said = answer_of(GOOD)
    monkeypatch.setenv(KEY, "secret-key")
    writer = Writer.of(url, "tiny")
    assert writer is not None
    machine = writer.write(ANSWER, "patient")
    ((path, key, body),) = handler.asked
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer secret-key", "tiny")
    sent = json.dumps(body)
    assert not [word for word in ("P-17", "secret/place", "flair.nii", "Layout", "radiofuse predict") if word in sent]
    assert "0.7712" in sent and "0.3718" in sent
    assert machine == MachineText("tiny", tuple(GOOD.split("\n\n")))
    text = text_of(render_patient_page(ANSWER, None, "patient", machine))
    assert "Written by a machine" in text and "with a probability of 77.1%" in text and "No one has read it" in text
    assert "Written by a machine" not in text_of(render_patient_page(ANSWER, None, "patient"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("idh is mutant with 78%.", "numbers that the answer does not: 78%"),
        ("Median survival is 31 months.", "speaks of prognosis or time (survival, months)"),
        ("You have several years.", "speaks of prognosis or time (years)"),
        ("In fourteen of a hundred.", "otherwise than in digits"),
        ("About ½ of them, or 7².", "otherwise than in digits"),
        ("Contributions of -0.771.", "numbers that the answer does not: -0.771"),
        ("The chance of wildtype is 77.1%.", "tells 77.1% beside no class, or another"),
        ("The chance is 77.1%.", "tells 77.1% beside no class, or another"),
        ("The chance of wildtype, not of mutant, is 77.1%.", "tells 77.1% beside no class, or another"),
        ("You are cured.", "speaks of therapy or cure (cured)"),
        ("Take 15 mg of temozolomide.", "speaks of therapy or cure (mg, temozolomide)"),
        ("It is so in 1 in 1 people.", "numbers that the answer does not: 1."),
        ("  \n", "empty"),
        ("word " * 2000, "longer than a page"),
    ],
)
def test_what_cannot_be_checked_or_is_not_in_the_answer_is_refused(text: str, why: str) -> None:
    machine = checked(text, "m", without_identifiers(ANSWER))
    assert why in machine.refused and machine.paragraphs == ()
    page = text_of(render_patient_page(ANSWER, None, "doctor", machine))
    assert f"Its text is not shown: {machine.refused}" in page and (not text.strip() or text.strip() not in page)


def test_an_endpoint_that_fails_costs_its_text_alone(endpoint: tuple[str, type[_Endpoint]]) -> None:
    url, handler = endpoint
    writer = Writer(url, "m", patience_s=5)
    for said, status, why in [
        (b"<html>", 200, "gave no text"),
        (answer_of(None), 200, "gave no text"),
        (b'{"choices": []}', 200, "gave no text"),
        (answer_of("x" * 1_100_000), 200, "gave no text"),
        (b"", 500, "the status 500"),
        (b"", 302, "the status 302"),
    ]:
        handler.said, handler.status = said, status
        assert why in writer.write(ANSWER, "doctor").refused
    assert {path for path, *_ in handler.asked} == {"/v1/chat/completions"}
    assert "gave no text" in Writer("http://127.0.0.1:9/v1", "m").write(ANSWER, "doctor").refused


def test_nothing_is_asked_unless_named_and_nothing_goes_unencrypted() -> None:
    assert Writer.of(None, None) is None
    for url, model, words in [
        ("https://host/v1", None, "go together"),
        ("host/v1", "m", "https://host/v1 was expected"),
        ("file:///etc/passwd", "m", "https://host/v1 was expected"),
        ("http://example.org/v1", "m", "without encryption"),
    ]:
        with pytest.raises(RequestError, match=words):
            Writer.of(url, model)


SURVIVAL = """outcome,class,median_months,horizon_months,survival,low,high,source
idh,mutant,31.5,,,28.0,36.25,Author et al. 2009
idh,wildtype,,24,0.27,0.2,0.35,Author et al. 2009
who_grade,4,14.6,,,13.2,16.8,Other et al. 2005
"""


def test_survival_is_shown_of_the_groups_that_cannot_be_ruled_out_with_its_source(tmp_path: Path) -> None:
    table = tmp_path / "survival.csv"
    table.write_text(SURVIVAL)
    rows = rows_that_apply(ANSWER, read_survival(table))
    assert [(row["outcome"], row["class"]) for row in rows] == [("idh", "mutant"), ("idh", "wildtype")]
    told = ANSWER | {"survival": rows}
    text = text_of(render_patient_page(told, None, "patient"))
    assert "31.5" in text and "28.0 to 36.2" in text and "27.0%" in text and text.count("Author et al. 2009") == 2
    assert "they do not say what will happen to you" in text and "14.6" not in text
    sent = without_identifiers(told)
    assert checked("Median survival of such groups, idh = mutant, is 31.5 months.", "m", sent).refused == ""
    assert "14.6" in checked("Median survival of such groups is 14.6 months.", "m", sent).refused


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("idh,mutant,31,,,28,36,", "source is empty"),
        ("idh,mutant,31,,,,,A", "low and high were expected around 31"),
        ("idh,mutant,31,,,40,50,A", "low and high were expected around 31"),
        ("idh,mutant,,24,27,20,35,A", "a share of 0 to 1"),
        ("idh,mutant,31,24,0.3,28,36,A", "alone, or horizon_months with survival"),
    ],
)
def test_a_survival_table_without_source_or_interval_is_refused(tmp_path: Path, line: str, words: str) -> None:
    table = tmp_path / "survival.csv"
    table.write_text(f"{SURVIVAL.splitlines()[0]}\n{line}\n")
    with pytest.raises(CohortError, match=words):
        read_survival(table)
    table.write_text("outcome,class\nidh,mutant\n")
    with pytest.raises(CohortError, match="lacks the column source, low and high"):
        read_survival(table)
