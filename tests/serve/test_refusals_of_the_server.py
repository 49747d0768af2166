"""Who may not ask, what may not come in, and what a hostile name does: nothing."""

from __future__ import annotations

import gzip
import re
import struct
from urllib.parse import urlsplit

import pytest

from tests.serve.client import BOUNDARY, Client, files_of, form_of

GUARDED = [
    "/",
    "/results",
    "/models",
    "/reports/0",
    "/jobs/x",
    "/jobs/x/events",
    "/uploads/x",
    "/results/x",
    "/nothing",
]
HOSTILE = ["<script>alert(1)</script>", "../../x", "\"'><img src=x onerror=alert(1)>", "n\x00ul", "y" * 300]


@pytest.mark.parametrize("path", GUARDED)
def test_without_the_link_no_page_answers(server, path):
    stranger = Client(server.link)
    assert stranger.ask(path).status == 401
    assert stranger.ask(f"{path}?token=x").status == 401
    assert "token" not in stranger.ask(path).headers.get("set-cookie", "")


def test_the_link_gives_a_cookie_that_no_script_reads_and_no_other_site_sends(server):
    given = Client(server.link).ask(server.link).headers["set-cookie"]
    assert "HttpOnly" in given and "SameSite=strict" in given
    assert urlsplit(server.link).query.removeprefix("token=") not in given


def test_a_form_without_its_token_is_refused_and_writes_nothing(server, client, patient):
    before = server.uploads()
    for path in ("/uploads/x/answer", "/uploads/x/remove", "/jobs/x/stop", "/results/x/remove"):
        assert client.post(path, token="x").status == 403
        assert client.post(path, token=server.client().token()).status == 403  # that of another browser
    assert client.send(files_of(patient), token="x").status == 403
    late = form_of(files_of(patient), "x").replace(b"--" + BOUNDARY.encode(), b"", 1)
    assert client.ask("/uploads", late, Content_Type=f"multipart/form-data; boundary={BOUNDARY}").status in (400, 403)
    assert server.uploads() == before


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}],
    ids=lambda one: next(iter(one.values())),
)
def test_what_another_site_sends_is_refused(client, headers):
    refused = client.ask("/results/x/remove", f"token={client.token()}".encode(), **headers)
    assert refused.status == 403 and "another site" in refused.text


def test_a_name_that_was_led_here_is_refused(client):
    assert client.ask("/", Host="rebound.example").status == 421
    own = urlsplit(client.base).netloc
    assert client.ask("/", Host=own).status == 200


def test_every_answer_bears_the_headers(client, server):
    for one in (client.ask("/"), client.ask("/nothing"), Client(server.link).ask("/"), client.ask("/reports/0")):
        assert one.headers["x-content-type-options"] == "nosniff"
        assert one.headers["cache-control"] == "no-store"
        assert (
            one.headers["content-security-policy"]
            .replace("sandbox allow-scripts allow-downloads; ", "")
            .startswith("default-src 'none'")
        )
        assert "server" not in one.headers


def test_a_report_is_shown_in_an_origin_of_its_own(client):
    report = client.ask("/reports/0")
    assert "The report." in report.text and report.headers["content-security-policy"].startswith(
        "sandbox allow-scripts"
    )
    assert all(client.ask(f"/reports/{number}").status == 404 for number in ("1", "-1", "9" * 5000))


def test_hostile_names_and_titles_are_shown_and_do_not_run(server, client, patient, tmp_path):
    image = (patient / "flair.nii.gz").read_bytes()
    files = [(f"{name}/{name}.nii.gz", image) for name in HOSTILE]
    upload = client.looked(files)
    page = client.ask(upload).text
    assert "<script>alert" not in page and "<img src=x" not in page and "<script>document" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    inside = [path for path in server.results.rglob("*") if path.is_file() and path.suffix == ".gz"]
    assert len(inside) == len(HOSTILE) and not list(server.results.parent.glob("*.gz"))
    assert client.post(f"{upload}/remove").status == 201
    assert server.uploads() == [] and client.ask(upload).status == 404
    assert (
        "&lt;script&gt;document" in client.ask("/models").text and "<script>document" not in client.ask("/models").text
    )


@pytest.mark.parametrize("name", HOSTILE[1:2] + ["../about.json", "..%2f..%2fsaid", "a" * 32, "%00"])
def test_addresses_lead_nowhere_else(client, name):
    for path in (f"/results/{name}", f"/results/{name}/answer.json", f"/jobs/{name}", f"/uploads/{name}"):
        assert client.ask(path.replace("\x00", "%00")).status == 404


# ---------------------------------------------------------------- what may not come in


def refusal(client: Client, files) -> str:
    """Return what the look through an upload says, which it refuses."""
    job = client.send(files).json["page"]
    ended = client.ended(job)
    assert ended["state"] == "refused"
    assert "This did not work" in client.ask(job).text
    return ended["sentence"]


def test_what_is_no_image_gets_a_sentence_and_is_removed(server, client):
    said = refusal(client, [("P01/letter.pdf", b"%PDF-1.4"), ("P01/notes.txt", b"x")])
    assert "No image is among the 2 files" in said and "NIfTI" in said
    assert "Choose the folder of the patient" in said
    assert server.uploads() == []


def test_an_archive_is_not_opened_and_gets_advice(server, client):
    said = refusal(client, [("P01.zip", b"PK\x03\x04"), ("notes.txt", b"x")])
    assert "P01.zip: an archive is not opened here. Unpack it, and drop the folder that comes of it." in said
    assert server.uploads() == []


def test_an_image_that_cannot_be_read_keeps_start_from_working_until_it_is_left_unused(client, patient):
    files = [(name, b"\x1f\x8bno image" if "flair" in name else content) for name, content in files_of(patient)]
    upload = client.looked([*files, ("P01/more.zip", b"PK")])
    page = client.ask(upload).text
    assert "What is packed in P01/more.zip was not looked at" in page
    assert 'class="warning"' in page and "flair.nii.gz cannot be read. Choose \u201cnot used\u201d for it" in page
    refused = client.post(f"{upload}/answer")
    assert refused.status == 422 and refused.json["error"] == client.post(f"{upload}/check").json["why_not"]
    unused = {f"as{number_of(page, 'flair.nii.gz')}": ""}
    assert client.post(f"{upload}/check", **unused).json["why_not"] == ""
    job = client.post(f"{upload}/answer", **unused).json["page"]
    assert client.ended(job)["state"] == "done"
    page = client.ask(f"/results/{job.rpartition('/')[2]}").text
    assert "flair is missing" in page and "/uploads/" not in page


def test_without_the_outline_that_the_model_needs_start_does_not_work(client, patient):
    files = [one for one in files_of(patient) if "seg" not in one[0]]
    upload = client.looked(files)
    page = client.ask(upload).text
    assert 'role="status">The model reads the images inside an outline of the tumor, and none was chosen.' in page
    assert client.post(f"{upload}/check").json["why_not"].startswith("The model reads the images inside an outline")
    assert client.post(f"{upload}/remove").status == 201


def number_of(page: str, name: str) -> str:
    """Return the number of a file's field on a contact sheet."""
    (own,) = (item for item in page.split("<li")[1:] if f'<p class="note">P01/{name}</p>' in item)
    return re.search(r'name="as(\d+)"', own)[1]


def test_an_image_that_expands_without_end_is_refused_by_the_gate(client, patient):
    header = bytearray(gzip.decompress((patient / "flair.nii.gz").read_bytes())[:352])
    struct.pack_into("<4h", header, 40, 3, 20000, 20000, 20000)
    bomb = gzip.compress(bytes(header) + bytes(10_000_000))
    upload = client.looked([("P01/flair.nii.gz", bomb), ("P01/seg.nii.gz", (patient / "seg.nii.gz").read_bytes())])
    assert 'class="warning"' in client.ask(upload).text
    client.post(f"{upload}/remove")


def test_limits_are_told_and_leave_nothing(server, client):
    many = client.send((f"P01/{number}.nii", b"x") for number in range(21))
    assert many.status == 413 and "20 files" in many.json["error"]
    large = client.send([("P01/flair.nii", bytes(21_000_000))])
    assert large.status == 413 and "20 MB" in large.json["error"]
    none = client.send([])
    assert none.status == 422 and "No file came" in none.json["error"]
    assert server.uploads() == []


def test_a_form_that_breaks_off_is_refused(server, client, patient):
    body = form_of(files_of(patient), client.token())[:-200]
    sent = client.ask("/uploads", body, Content_Type=f"multipart/form-data; boundary={BOUNDARY}")
    assert sent.status == 400 and server.uploads() == []
    assert client.ask("/uploads", b"a=b", Content_Type="text/plain").status == 400


def test_a_choice_that_the_page_does_not_offer_is_refused(client, patient):
    upload = client.looked(files_of(patient))
    for fields in (
        {"bundle": "7"},
        {"bundle": "9" * 5000},
        {"bundle": "-1"},
        {"sample": "x"},
        {"as0": "../../x"},
        {"as0": "t1ce", "as3": "t1ce"},
    ):
        assert client.post(f"{upload}/answer", **fields).status == 422
    client.post(f"{upload}/remove")
