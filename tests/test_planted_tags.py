"""Names, ids, dates and private tags that stand in DICOM files enter nothing that is written, said or shown of them."""

from __future__ import annotations

import gzip
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")
pytest.importorskip("starlette", reason="the extra `serve` is not installed")

from radiofuse.commands.cohort import app as cohort_command  # noqa: E402
from radiofuse.commands.naming import Naming  # noqa: E402
from radiofuse.commands.predict import app as predict_command  # noqa: E402
from radiofuse.commands.report import app as report_command  # noqa: E402
from radiofuse.commands.run import app as run_command  # noqa: E402
from radiofuse.progress import silent  # noqa: E402
from radiofuse.serve.answering import answer_patient  # noqa: E402
from radiofuse.serve.bundles import Bundles  # noqa: E402
from radiofuse.serve.choices import choice_of  # noqa: E402
from radiofuse.serve.described import describe  # noqa: E402
from radiofuse.serve.look import look_through  # noqa: E402
from radiofuse.serve.pages import result_page, results_page, sheet_page  # noqa: E402
from radiofuse.serve.service import summary  # noqa: E402
from radiofuse.serve.tasks import Answer, Look, Models  # noqa: E402
from tests.dicom_files import Grid, Ids, contours, save, slices, voxels_of  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
GRID = Grid(size=(16, 14, 6))
BOX = np.array([[3.5, 3.5], [11.5, 3.5], [11.5, 10.5], [3.5, 10.5]])
PLANTED = {
    "InstitutionName": "Plantedhospital",
    "InstitutionAddress": "Plantedstreet 7",
    "InstitutionalDepartmentName": "Plantedward",
    "ReferringPhysicianName": "Planteddoctor^A",
    "PerformingPhysicianName": "Plantedreader^B",
    "OperatorsName": "Plantedoperator^C",
    "StationName": "PLANTEDSTATION",
    "DeviceSerialNumber": "PLANTEDSERIAL",
    "AccessionNumber": "PLANTEDACC",
    "OtherPatientIDs": "PLANTEDOTHER",
    "PatientAddress": "Plantedroad 9",
    "PatientComments": "Plantedcomment",
    "ImageComments": "Plantedremark",
    "RequestedProcedureDescription": "Plantedrequest",
    "StudyDescription": "Plantedstudy",
    "AcquisitionDate": "19920817",
    "SeriesDate": "19920817",
    "ContentDate": "19920817",
}
DATES = ("19310203", "1931-02-03", "03.02.1931", "19920817", "1992-08-17", "17.08.1992")
WORDS = re.compile(rb"planted|" + b"|".join(re.escape(date.encode()) for date in DATES), re.IGNORECASE)
QUICK = {
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": ["Mean", "Variance", "Skewness"]},
    "setting": {"binWidth": 100},
}
RECIPE = """
seed = 3
[cohort]
table = "made/cohort.csv"
label = "idh"
[radiomics]
settings = "quick.json"
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


@pytest.fixture(scope="module", autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def write_study(place: Path, number: int) -> None:
    """Write a T1 with contrast agent and contours, words in every tag that may name somebody, private ones too."""
    ids = Ids(f"PLANTEDID-{number:02}", f"Plantedname^P{number:02}", "19310203", date="19920817")
    stored = voxels_of(GRID, number, high=1000 + 200 * (number % 2))
    series = slices(stored, GRID, ids, SeriesDescription="t1 gd", SeriesNumber=4, **PLANTED)
    drawn = [GRID.points(np.column_stack([BOX, np.full(4, k)])) for k in (2, 3, 4)]
    region = contours({"GTV": drawn}, ids.another(), ids, **PLANTED)
    for dataset in (*series, region):
        block = dataset.private_block(0x0011, "PLANTEDMAKER", create=True)
        block.add_new(0x01, "LO", "Plantedprivate")
    save(series, place / "a")
    save([region], place / "rs")


def found_in(place: Path) -> list[str]:
    """Return the files of a folder that hold a planted word, in their name, bytes, or what is packed in them."""
    hits = []
    for path in (path for path in place.rglob("*") if path.is_file()):
        texts = [path.relative_to(place).as_posix().encode(), path.read_bytes()]
        if texts[1][:2] == b"\x1f\x8b":
            texts.append(gzip.decompress(texts[1]))
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                texts += [packed.read(name) for name in packed.namelist()]
        hits += [f"{path}: {hit[0]!r}" for text in texts if (hit := WORDS.search(text))]
    return hits


def said_by(command: object, *words: object) -> str:
    """Return all that a command says."""
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Path]:
    """What is made of an export of twelve patients and a new one, and all that was said meanwhile."""
    export, made = tmp_path_factory.mktemp("export"), tmp_path_factory.mktemp("home")
    for number in range(12):
        write_study(export / f"Plantedname {number:02}", number)
    rows = "".join(f"PLANTEDID-{number:02},{number % 2}\n" for number in range(12))
    (export / "labels.csv").write_text(f"patient_id,idh\n{rows}")
    (made / "quick.json").write_text(json.dumps(QUICK))
    (made / "recipe.toml").write_text(RECIPE)
    (made / "made").mkdir()
    asked = ("--layout", "dicom", "--labels", export / "labels.csv", "--out", made / "made" / "cohort.csv", "--jobs", 1)
    said = said_by(cohort_command, "make", export, *asked)
    store = ("--store", made / "store")
    said += said_by(run_command, made / "recipe.toml", "--out", made / "run", "--jobs", 1, *store)
    table = (made / "made" / "cohort.csv").read_text().replace(",idh,", ",label,")
    (made / "made" / "again.csv").write_text(table)
    for name in ("probabilities.csv", "probabilities.json"):
        said += said_by(predict_command, made / "run", made / "made" / "cohort.csv", "--out", made / name, *store)
    folder = next((made / "made" / "cohort_images").glob("*/s1"))
    (made / "P1").mkdir()
    for path in folder.glob("*.nii.gz"):
        (made / "P1" / ("seg.nii.gz" if "GTV" in path.name else "t1ce.nii.gz")).write_bytes(path.read_bytes())
    said += said_by(predict_command, made / "run", "--patient", made / "P1", "--out", made / "answer.json", *store)
    for reader in ("doctor", "patient"):
        out = ("--for", reader, "--out", made / f"{reader}.html")
        said += said_by(report_command, "patient", made / "run", made / "P1", *out, *store)
    write_study(export / "Plantedname new", 12)
    return made, said, export


def test_the_search_finds_what_was_planted(home) -> None:
    _, _, export = home
    assert len({hit.partition(":")[0] for hit in found_in(export)}) > 13 * 7


def test_no_table_report_page_json_bundle_or_store_holds_a_planted_word(home) -> None:
    made, _, _ = home
    kinds = {
        "report.html",
        "manifest.json",
        "answer.json",
        "doctor.html",
        "patient.html",
        "probabilities.csv",
        "series.csv",
    }
    assert kinds <= {path.name for path in made.rglob("*")}
    assert found_in(made) == []


def test_no_command_says_a_planted_word(home) -> None:
    _, said, _ = home
    assert len(said) > 500 and WORDS.search(said.encode()) is None


def test_no_page_or_result_of_the_server_holds_a_planted_word_but_the_folder_s_own_name(
    home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made, _, export = home
    sent = tmp_path / "upload" / "files" / "P1"
    (sent / "a").mkdir(parents=True)
    files = {}
    for number, path in enumerate(sorted((export / "Plantedname new").rglob("IM*"))):
        (sent / "a" / f"{number}.dcm").write_bytes(path.read_bytes())
        files[f"P1/a/{number}.dcm"] = f"P1/a/{number}.dcm"
    bundles = Bundles(Models((made / "run",), Naming()))
    described = [describe(bundles.load(0), made / "run") | {"version_warnings": []}]
    look = look_through(Look(tmp_path / "upload", files, ("t1ce",)), bundles, silent)
    choice = choice_of(look, described, {})
    task = Answer(tmp_path / "upload", 0, choice.sample_id, choice.chosen, choice.layout, choice.root)
    task.out.mkdir()
    told = answer_patient(task, bundles, silent)
    about = {"id": "x", "state": "done", "asked": "2026-01-02T03:04:05+00:00", "folder": "P1", **summary(told)}
    shown = [sheet_page("x", "t", look, described, {}), result_page(about, "t", told, []), results_page([about])]
    assert told["outcomes"]["idh"]["call"] in ("0", "1") and (task.out / "doctor.html").is_file()
    assert [hit[0] for one in [*shown, caplog.text] if (hit := WORDS.search(one.encode()))] == []
    assert found_in(task.out) == []
