"""``radiofuse serve`` as its users meet it: a real server, files over HTTP, the numbers of ``predict``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.serve.client import files_of
from tests.serve.predicted import as_shown, predicted

KEPT = {"radiofuse_serve.json", "about.json", "answer.json", "doctor.html", "patient.html"}


def test_a_folder_of_images_gets_the_numbers_of_predict_and_leaves_no_image(
    server, client, tiny_bundle, patient, tmp_path
):
    told, expected = client.answered(files_of(patient)), predicted(tiny_bundle, patient, tmp_path)
    assert told["outcomes"] == expected["outcomes"] and told["sample_id"] == expected["sample_id"] == "P01"
    assert told["notes"] == expected["notes"] and told["beside_images"] == {"age": None, "sex": None}
    said = json.dumps(told)
    assert str(server.results) not in said and str(tiny_bundle.parent) not in said
    assert server.uploads() == []
    assert {path.name for path in server.results.rglob("*") if path.is_file()} <= KEPT
    page = client.ask(re.search(r'href="(/results/\w+)">P01<', client.ask("/results").text)[1]).text
    (call,) = told["outcomes"].values()
    assert all(as_shown(value) in page for value in call["probability"].values())
    said = (server.results.parent / "said").read_text()
    assert "A patient ended after" in said and not re.search(r"P01|/uploads|\.nii|[0-9a-f]{32}", said)


def test_clinical_numbers_are_asked_for_checked_and_answered_with_as_predict_does(
    client, tiny_bundle, patient, tmp_path
):
    upload = client.looked(files_of(patient))
    page = client.ask(f"{upload}/answer")
    assert page.address.endswith(upload)  # nothing is answered yet: back to the sheet
    assert "beside the images</legend>" in page.text and page.text.count("label 2: ") == 1
    assert re.search(r'name="clinical__age" value=""[^>]*>\s*<span class="note">\d+ to \d+ in training', page.text)
    for given, why in [
        ("abc", "a number was expected, such as"),
        ("nan", "a number was expected"),
        ("9" * 101, "most"),
    ]:
        assert why in client.post(f"{upload}/check", clinical__age=given).json["why_not"]
    refused = client.post(f"{upload}/answer", clinical__age="17", clinical__sex="yes")
    assert refused.status == 422 and "F and M were expected, got 'yes'" in refused.json["error"]
    job = client.post(f"{upload}/answer", clinical__age=" 17 ", clinical__sex="F").json["page"]
    assert client.ended(job)["state"] == "done"
    result = client.ask(f"{upload}/answer").address
    told = client.ask(f"{result}/answer.json").json
    (tmp_path / "people.csv").write_text("participant_id,age,sex\nP01,17,F\n")
    options = ("--participants", str(tmp_path / "people.csv"))
    expected = predicted(tiny_bundle, patient, tmp_path, *options)
    assert told["outcomes"] == expected["outcomes"] and told["notes"] == expected["notes"]
    assert told["beside_images"] == expected["beside_images"] == {"age": 17.0, "sex": 0.0}
    assert any(note.startswith("clinical__age 17 is outside") for note in told["notes"])
    assert told["applicability"]["verdict"] is None  # of fourteen patients
    row = client.ask("/results").text.partition(f'<a href="{result[result.index("/results") :]}">P01</a>')[2]
    assert "folder P01; nearness to the training cohort unknown" in row.partition("</li>")[0]


def test_files_of_unknown_names_are_asked_for_and_answered_as_if_they_had_them(client, patient, tmp_path, tiny_bundle):
    renamed = {"flair": "se03", "t1ce": "se07", "seg": "contour"}
    files = [(f"P01/{renamed[path.name.partition('.')[0]]}.nii.gz", path.read_bytes()) for path in known_in(patient)]
    upload = client.looked(files)
    page = client.ask(upload).text
    assert page.count('class="asks"') == 3 and "se03.nii.gz" in page
    refused = client.post(f"{upload}/answer")
    assert refused.status == 422 and "The model reads flair and t1ce" in refused.json["error"]
    shown = re.findall(r"(contour|se03|se07)\.nii\.gz</p>", page)
    what = {"se03": "flair", "se07": "t1ce", "contour": "mask"}
    chosen = {f"as{at}": what[name] for at, name in enumerate(shown)}
    job = client.post(f"{upload}/answer", **chosen).json["page"]
    assert client.ended(job)["state"] == "done"
    told = client.ask(f"/results/{job.rpartition('/')[2]}/answer.json").json
    assert told["outcomes"] == predicted(tiny_bundle, patient, tmp_path)["outcomes"]


def known_in(patient: Path) -> list[Path]:
    return [path for path in sorted(patient.iterdir()) if path.name.partition(".")[0] in ("flair", "t1ce", "seg")]
