"""One patient's folder in, the same numbers out as from a table with that patient; what is missing is named."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from click.testing import Result
from typer.testing import CliRunner

pytest.importorskip("torch")

from radiofuse import __version__
from radiofuse.bundle.networks import networks_of, place
from radiofuse.bundle.new_rows import OTHER_ENGINE, collect_rows
from radiofuse.bundle.one_patient import read_patient, sequences_of
from radiofuse.bundle.other_cohort import OtherCohort
from radiofuse.bundle.patient_pictures import patient_pictures
from radiofuse.bundle.predict import predict_cohort, predict_rows
from radiofuse.commands.predict import app
from radiofuse.commands.report import app as report
from radiofuse.datasets import make_phantom_cohort
from radiofuse.errors import BundleError, CohortError
from radiofuse.experiment.run import run_recipe
from radiofuse.imaging import read_image
from radiofuse.imaging.step_options import Steps
from radiofuse.progress import silent
from radiofuse.report.patient.numbers import share
from tests.trusting import TRUSTING, load_bundle

QUICK = {
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": ["Mean", "Variance", "Skewness"]},
    "setting": {"normalize": True, "normalizeScale": 100, "binWidth": 5},
}
RECIPE = """
seed = 3
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = {settings}
{more}
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 3
repeats = 1
resamples = 100
"""
NETWORK = """
[deep]
encoder = "tiny_encoder:TinyOfChannels"
size = 24
training = { epochs = 1, batch_size = 8 }
channels = ["t1ce", "flair"]
slices = "middle"
join = "members"
[[models]]
kind = "late"
reads = ["deep"]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: None) -> Path:
    """A folder with two bundles, ``network`` without masks and ``radiomics``, which registers; and new patients."""
    home = tmp_path_factory.mktemp("one")
    make_phantom_cohort(home / "phantom", n_patients=14, seed=1)
    make_phantom_cohort(home / "new", n_patients=8, seed=9)
    (home / "quick.json").write_text(json.dumps(QUICK))
    for name, settings, more in (("network", '"none"', NETWORK), ("radiomics", '"quick.json"', "")):
        recipe = home / f"{name}.toml"
        recipe.write_text(RECIPE.format(settings=settings, more=more))
        run_recipe(recipe, out=home / name, store=home / "store", report=False)
    return home


@pytest.fixture(scope="module")
def files(home: Path) -> dict[str, Path]:
    """The files of a new patient who has every sequence."""
    table = pd.read_csv(home / "new" / "cohort.csv")
    row = table.dropna().iloc[-1]
    named = {name: row[f"{name}__image"] for name in ("t1", "t1ce", "t2", "flair")} | {"seg": row["mask"]}
    return {name: home / "new" / path for name, path in named.items()}


def folder_of(place: Path, files: dict[str, Path], names: str = "{kind}.nii.gz") -> Path:
    place.mkdir(parents=True)
    for kind, path in files.items():
        shutil.copy(path, place / names.format(kind=kind))
    return place


def predict(home: Path, bundle: str, folder: Path, *more: str) -> Result:
    options = ["--patient", str(folder), "--store", str(home / "store"), *more]
    return CliRunner().invoke(app, [str(home / bundle), *TRUSTING, *options])


def without(files: dict[str, Path], *names: str) -> dict[str, Path]:
    return {name: path for name, path in files.items() if name not in names}


@pytest.mark.parametrize(
    ("bundle", "names", "kinds"),
    [
        ("network", "{kind}.nii.gz", {}),
        ("network", "BraTS-GLI-00007-000-{kind}.nii.gz", {"t1": "t1n", "t1ce": "t1c", "t2": "t2w", "flair": "t2f"}),
        ("radiomics", "{kind}.nii.gz", {"t1ce": "t1gd"}),
        ("radiomics", "BraTS20_Training_007_{kind}.nii.gz", {}),
    ],
)
def test_the_numbers_are_those_of_a_table_with_the_patient(
    home: Path, tmp_path: Path, files: dict[str, Path], bundle: str, names: str, kinds: dict[str, str]
) -> None:
    given = without(files, "seg") if bundle == "network" else files
    called = {kinds.get(name, name): path for name, path in given.items()}
    folder, out = folder_of(tmp_path / "P7", called, names), tmp_path / "answer.json"
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}
    done = predict(home, bundle, folder, "--out", str(out))
    assert done.exit_code == 0, done.output
    told = json.loads(out.read_text())
    row = {"sample_id": told["sample_id"], "patient_id": "P7"} | {f"{n}__image": p for n, p in given.items()}
    row["mask"] = row.pop("seg__image", "")
    pd.DataFrame([row]).to_csv(tmp_path / "table.csv", index=False)
    table, _ = predict_cohort(load_bundle(home / bundle), tmp_path / "table.csv", store=tmp_path / "store")
    (line,) = table.to_dict("records")
    idh = told["outcomes"]["idh"]
    assert idh["probability"] == {"1": line["probability"]} and idh["call"] == line["call"]
    assert idh["models"] and all(idh["models"][name]["1"] == line[name] for name in idh["models"])
    whole = sum(of_class["1"] for of_class in idh["contributions"].values())
    assert 1 / (1 + math.exp(-whole)) == pytest.approx(line["probability"])
    assert f"idh: {line['call']}. Probability of idh = 1: {line['probability']:.4g}; " in done.stdout
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]} == before
    assert predict(home, bundle, folder, "--out", str(out)).exit_code == 0  # what it wrote itself it replaces
    assert json.loads(out.read_text()) == told


def test_the_answer_tells_versions_volumes_and_voxels(home: Path, tmp_path: Path, files: dict[str, Path]) -> None:
    out = tmp_path / "answer.json"
    assert predict(home, "radiomics", folder_of(tmp_path / "P7", files), "--out", str(out)).exit_code == 0
    told, mask = json.loads(out.read_text()), sitk.ReadImage(str(files["seg"]))
    labels, voxel_ml = sitk.GetArrayFromImage(mask), math.prod(mask.GetSpacing()) / 1000
    volumes = told["volumes_ml"]
    assert volumes["WT"] == pytest.approx(np.count_nonzero(labels) * voxel_ml)
    assert volumes["WT"] == pytest.approx(volumes["NCR"] + volumes["ED"] + volumes["ET"]) and volumes["ET"] > 0
    assert told["spacing_mm"] == dict.fromkeys(("t1ce", "flair"), list(mask.GetSpacing()))
    assert told["engine"]["radiofuse"] == __version__ == told["engine"]["trained_with"]["radiofuse"]
    assert told["engine"]["radiomics"].startswith("radiofuse ")
    bundle = load_bundle(home / "radiomics")
    about = bundle.description | {"settings": bundle.description["settings"] | {"block": "of-another-engine"}}
    of_other_engine = replace(bundle, description=about)
    cohort = read_patient(bundle, tmp_path / "P7").cohort
    notes = [
        predict_rows(one, cohort, store=home / "store", progress=silent)[0]["note"][0]
        for one in (bundle, of_other_engine)
    ]
    assert [OTHER_ENGINE in note for note in notes] == [False, True]
    folder = folder_of(tmp_path / "P8", without(files, "seg"))
    assert predict(home, "network", folder, "--out", str(tmp_path / "other.json")).exit_code == 0
    told = json.loads((tmp_path / "other.json").read_text())
    assert (
        told["volumes_ml"] is None
        and told["engine"]["radiomics"] is None
        and set(told["spacing_mm"]) == {"t1ce", "flair"}
    )


def test_a_segmentation_is_asked_for_only_where_one_is_read(home: Path, tmp_path: Path, files: dict[str, Path]) -> None:
    folder = folder_of(tmp_path / "P7", without(files, "seg"))
    done = predict(home, "radiomics", folder)
    assert done.exit_code == 2 and "holds no segmentation" in done.output and "seg.nii.gz" in done.output
    shutil.copy(files["seg"], folder / "seg.nii.gz")
    told = read_patient(load_bundle(home / "network"), folder)
    assert {"The segmentation is not read: this model needs none."} < set(told.notes)
    assert any("trained on synthetic data. Not for any patient" in note for note in told.notes)
    assert set(told.cohort.filter(like="mask").iloc[0]) == {""}


def test_a_missing_sequence_is_named_and_what_the_model_does_without_it(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    folder = folder_of(tmp_path / "P7", without(files, "t1ce"))
    done = predict(home, "radiomics", folder, "--out", str(tmp_path / "a.json"))
    assert done.exit_code == 0
    assert "t1ce is missing: the answer is made without t1ce, which has no probability." in done.stderr
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["missing"] == ["t1ce"]
    models = told["outcomes"]["idh"]["models"]
    assert models["t1ce"] == {"1": None} and models["mean"] == models["flair"]
    assert told["outcomes"]["idh"]["contributions"]["t1ce"] == {"1": 0}
    words = ["patient", str(home / "radiomics"), str(folder), *TRUSTING, "--answer", str(tmp_path / "a.json")]
    assert CliRunner().invoke(report, [*words, "--out", str(tmp_path / "page.html")]).exit_code == 0
    page = (tmp_path / "page.html").read_text()
    assert "the answer is made without t1ce, which has no probability" in page and "the model reads it" not in page
    done = predict(home, "network", folder)
    assert done.exit_code == 3 and "t1ce is missing, and the model reads it." in done.stderr
    assert "channel_missing" in done.stderr and "idh: no probability." in done.stdout


def moved(path: Path, to: Path) -> None:
    """Write an image on a grid of thicker slices."""
    image = read_image(path).image
    size = (*image.GetSize()[:2], image.GetSize()[2] // 2)
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing((*image.GetSpacing()[:2], 2 * image.GetSpacing()[2]))
    grid.SetOrigin(image.GetOrigin())
    grid.SetDirection(image.GetDirection())
    sitk.WriteImage(sitk.Resample(sitk.Cast(image, sitk.sitkFloat32), grid), str(to))


def test_a_sequence_of_another_grid_is_named_and_registered_only_where_the_recipe_does_so(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    folder = folder_of(tmp_path / "P7", files)
    moved(files["flair"], folder / "flair.nii.gz")
    done = predict(home, "radiomics", folder)
    assert "t1ce does not lie on the grid of flair: " in done.stderr and done.exit_code == 3
    assert "does not register sequences" in done.stderr and "flair could not be used, geometry_mismatch" in done.stderr
    loaded = load_bundle(home / "radiomics")
    settings = loaded.description["settings"] | {"images": asdict(Steps(register_to="t1ce"))}
    registering = replace(loaded, description={**loaded.description, "settings": settings})
    patient = read_patient(registering, folder)
    assert patient.notes[-1].startswith("flair does not lie on the grid of t1ce: ")
    assert patient.notes[-1].endswith("brings the sequences onto t1ce before they are read.")
    options = {"store": home / "store", "progress": silent}
    (told, failures), (untold, _) = (predict_rows(one, patient.cohort, **options) for one in (registering, loaded))
    assert failures.empty and told["flair"].notna().all() and untold["flair"].isna().all()


def dicom(folder: Path) -> Path:
    folder.mkdir()
    (folder / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(64))
    return folder


def test_folders_that_are_not_of_one_patient_are_refused_with_the_way_on(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    two = folder_of(tmp_path / "two", files, "P1_{kind}.nii.gz")
    for kind, path in files.items():
        shutil.copy(path, two / f"P2_{kind}.nii.gz")
    visits = folder_of(tmp_path / "visits", {"t1c": files["t1ce"]}, "BraTS-GLI-00007-000-{kind}.nii.gz")
    shutil.copy(files["t1ce"], visits / "BraTS-GLI-00007-001-t1c.nii.gz")
    for folder, code, words in [
        (empty, 2, "holds no image that is recognized by its name. The model reads flair and t1ce: call the files"),
        (tmp_path / "nowhere", 2, "nowhere"),
        (files["t1"], 2, "folder"),
        (two, 2, "holds images of 2 patients (P1, P2), one scan was expected"),
        (visits, 2, "holds images of 2 scans of one patient"),
        (dicom(tmp_path / "dicom"), 2, "--layout dicom --out cohort.csv"),
        (folder_of(tmp_path / "t2", {"t2": files["t2"]}, "P1_{kind}.nii.gz"), 2, "The model reads flair and t1ce; "),
    ]:
        done = predict(home, "radiomics", folder)
        said = " ".join(done.output.split())
        assert (done.exit_code, words in said) == (code, True), said
        assert isinstance(done.exception, SystemExit)


def test_nothing_of_the_user_is_overwritten(home: Path, tmp_path: Path, files: dict[str, Path]) -> None:
    folder, mine = folder_of(tmp_path / "P7", files), tmp_path / "mine.json"
    mine.write_text("{}")
    for options, words in [
        (["--out", str(mine)], "this command did not write it"),
        (["--out", str(folder / "answer.json")], "lies in the patient's folder"),
        (["--out", str(folder / "flair.nii.gz"), "--overwrite"], "lies in the patient's folder"),
        (["--store", str(folder)], "lies in the patient's folder"),
        (["--layout", "bratz"], "brats"),
        (["--layout", "plain", str(mine)], "and not both"),
    ]:
        done = predict(home, "radiomics", folder, *options)
        assert (done.exit_code, words in " ".join(done.output.split())) == (2, True), done.output
    assert mine.read_text() == "{}" and len(list(folder.iterdir())) == len(files)
    for words in (["b"], ["b", "t.csv"], ["b", "t.csv", "--out", "o.csv", "--layout", "brats"]):
        assert CliRunner().invoke(app, words).exit_code == 2


def test_a_damaged_image_is_a_sentence_and_json_on_the_screen_has_no_other_line(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    folder = folder_of(tmp_path / "P7", files)
    (folder / "t1ce.nii.gz").write_bytes(files["t1ce"].read_bytes()[:2000])
    done = predict(home, "radiomics", folder, "--out", "-")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert [one["modality"] for one in told["failures"]] == ["t1ce"]
    assert told["outcomes"]["idh"]["probability"]["1"] is not None


def test_a_bundle_of_ready_features_reads_no_folder(home: Path) -> None:
    about = {"settings": {"radiomics": None, "crops": None}, "columns": ["t1__a"]}
    with pytest.raises(BundleError, match="ready-made features and reads no images"):
        sequences_of(about)
    assert sequences_of(load_bundle(home / "network").description) == ["flair", "t1ce"]


def test_site_and_clinical_numbers_come_from_a_table_and_an_unknown_site_is_an_empty_cell(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    folder, people = folder_of(tmp_path / "P7", files), tmp_path / "participants.tsv"
    people.write_text("participant_id\tage\tsite\nP7\t61\tnorth\n")
    loaded = load_bundle(home / "radiomics")
    protocol = loaded.description["protocol"] | {"harmonize": {"site": "site", "covariates": [], "sites": ["north"]}}
    harmonized = replace(loaded, description={**loaded.description, "protocol": protocol})
    assert read_patient(harmonized, folder).cohort["site"].tolist() == [""]
    assert read_patient(harmonized, folder, written=OtherCohort(people)).cohort["site"].tolist() == ["north"]
    people.write_text("participant_id\tage\nP8\t61\n")
    with pytest.raises(CohortError, match=r"The patient's folder .* has 1 problem:\n  - Patients that the part"):
        read_patient(loaded, folder, written=OtherCohort(people))


@pytest.mark.parametrize("bundle", ["network", "radiomics"])
def test_the_page_has_the_numbers_of_predict_the_pictures_and_no_path(
    home: Path, tmp_path: Path, files: dict[str, Path], bundle: str
) -> None:
    folder, out = folder_of(tmp_path / "Of-Anna", files), tmp_path / "answer.json"
    assert predict(home, bundle, folder, "--out", str(out)).exit_code == 0
    told = json.loads(out.read_text())
    words = ["patient", str(home / bundle), str(folder), *TRUSTING, "--store", str(home / "store")]
    asked = {"computed": ["--dropout-passes", "2"], "saved": ["--answer", str(out), "--for", "patient"]}
    for name, options in asked.items():
        page = tmp_path / f"{name}.html"
        done = CliRunner().invoke(report, [*words, *options, "--out", str(page)])
        assert done.exit_code == 0 and done.stdout == f"{page}\n", done.output
        html = page.read_text()
        assert share(told["outcomes"]["idh"]["probability"]["1"]) in html and "Not for any patient" in html
        assert '"sequences": {"flair"' in html and str(tmp_path) not in html and str(home) not in html
    assert ("Where the network looks" in (tmp_path / "computed.html").read_text()) == (bundle == "network")
    done = CliRunner().invoke(report, [*words, "--pseudonymize", str(tmp_path / "key"), "--out", str(page)])
    assert done.exit_code == 0 and "Anna" not in page.read_text() and "Not for any patient" in page.read_text()


def test_the_page_is_refused_where_it_may_not_lie_or_the_answer_is_another(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    folder, other = folder_of(tmp_path / "P7", files), tmp_path / "other.json"
    other.write_text('{"outcomes": {"grade": {}}}')
    of_another, not_json = tmp_path / "another.json", tmp_path / "nan.json"
    of_another.write_text('{"sample_id": "P8", "outcomes": {"idh": {}}}')
    of_other_bundle = tmp_path / "other_bundle.json"
    of_other_bundle.write_text('{"sample_id": "P7", "manifest_sha256": "0", "outcomes": {"idh": {}}}')
    misshapen = tmp_path / "misshapen.json"
    manifest = sha256((home / "radiomics" / "bundle" / "manifest.json").read_bytes()).hexdigest()
    misshapen.write_text(json.dumps({"sample_id": "P7", "manifest_sha256": manifest, "outcomes": {"idh": {}}}))
    not_json.write_text('{"sample_id": "P7", "outcomes": {"idh": {"threshold": NaN}}}')
    for options, words in [
        (["--out", str(folder / "page.html")], "lies in the patient's folder"),
        (["--out", str(other)], "this command did not write it"),
        (["--for", "nurse"], "doctor or patient was expected"),
        (["--answer", str(other)], "no answer of this bundle, whose outcomes are idh"),
        (["--answer", str(folder)], "cannot be read as JSON"),
        (["--answer", str(of_another)], "is of 'P8', the folder of 'P7'"),
        (["--answer", str(of_other_bundle)], "was given by another bundle"),
        (["--answer", str(not_json)], "NaN is no number of JSON"),
        (["--answer", str(misshapen)], "The answer lacks missing"),
    ]:
        done = CliRunner().invoke(report, ["patient", str(home / "radiomics"), str(folder), *options])
        assert (done.exit_code, words in " ".join(done.output.split())) == (2, True), done.output


def test_a_saved_answer_about_other_images_is_refused_whatever_they_are_called(
    home: Path, tmp_path: Path, files: dict[str, Path]
) -> None:
    folder, saved = folder_of(tmp_path / "P7", files), tmp_path / "answer.json"
    assert predict(home, "radiomics", folder, "--out", str(saved)).exit_code == 0
    told = json.loads(saved.read_text())
    assert told["images_sha256"] == {
        kind: sha256(files[kind if kind != "mask" else "seg"].read_bytes()).hexdigest()
        for kind in ("flair", "t1ce", "mask")
    }
    words = ["patient", str(home / "radiomics"), str(folder), "--answer", str(saved), "--out", str(tmp_path / "p.html")]
    shutil.copy(files["t1"], folder / "flair.nii.gz")
    (folder / "t1.nii.gz").unlink()  # which the model does not read
    done = CliRunner().invoke(report, words)
    assert done.exit_code == 2 and "other images than those in the folder: flair, by" in " ".join(done.output.split())
    (folder / "flair.nii.gz").unlink()
    assert "in the folder: flair, by" in " ".join(CliRunner().invoke(report, words).output.split())
    saved.write_text(json.dumps({name: value for name, value in told.items() if name != "images_sha256"}))
    assert "does not tell of which images it is" in " ".join(CliRunner().invoke(report, words).output.split())


@pytest.mark.parametrize("axes", ["LPS", "RAI", "SPL"])
def test_maps_lie_on_the_pictures_of_the_page_however_the_file_is_turned(
    home: Path, tmp_path: Path, files: dict[str, Path], axes: str
) -> None:
    """What a network is shown, brought onto the page as its maps are, is the picture there, not a mirrored one."""
    (tmp_path / "P7").mkdir()
    for name in ("flair", "t1ce"):
        image = sitk.Cast(sitk.ReadImage(str(files[name])), sitk.sitkFloat32)
        ramps = np.meshgrid(*(np.linspace(0, 1, n) for n in image.GetSize()[::-1]), indexing="ij")
        uneven = sitk.GetImageFromArray(sitk.GetArrayFromImage(image) * (0.2 + sum(ramps)).astype(np.float32))
        uneven.CopyInformation(image)
        sitk.WriteImage(sitk.DICOMOrient(uneven, axes), str(tmp_path / "P7" / f"{name}.nii.gz"))
    patient = read_patient(load_bundle(home / "network"), tmp_path / "P7")
    rows = collect_rows(load_bundle(home / "network"), patient.cohort, store=tmp_path / "store", progress=silent)
    seen, _ = patient_pictures(rows.images)
    (network,) = networks_of(rows.bundle)
    shown = network.pictures(network.row_of(rows.X, "P7"))
    placed = place(rows.bundle.description, rows.images, network.name, "P7").placing

    def on_page(picture: np.ndarray) -> np.ndarray:
        return seen.placed(placed.onto(picture).astype(np.float32), placed.grid)

    there = on_page(np.ones_like(shown[:, 0])) > 0.99
    assert there.mean() > 0.2
    for channel, name in enumerate(("t1ce", "flair")):
        gray, own = seen.sequences[name].astype(float), on_page(shown[:, channel])
        head = there & (gray > 0)
        as_it_is = np.corrcoef(own[head], gray[head])[0, 1]
        assert as_it_is > 0.9
        for axis in (0, 1, 2):
            assert np.corrcoef(np.flip(own, axis)[head], gray[head])[0, 1] < as_it_is - 0.1


def test_what_the_headers_of_images_say_of_a_patient_is_nowhere_told(
    home: Path, files: dict[str, Path], tmp_path: Path
):
    """NIfTI has room for a text, where converters of DICOM leave names: it enters neither screen nor JSON."""
    place = folder_of(tmp_path / "P7", files)
    for path in place.iterdir():
        image = nib.load(path)
        for field in ("descrip", "aux_file", "intent_name"):
            image.header[field] = b"Doe^Jane"
        path.write_bytes(gzip.compress(image.to_bytes()))
    assert sitk.ReadImage(str(place / "flair.nii.gz")).GetMetaData("descrip") == "Doe^Jane"
    told = predict(home, "radiomics", place, "--out", str(tmp_path / "answer.json"))
    assert told.exit_code == 0, told.output
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != place]
    assert written and "Doe" not in told.output + "".join(path.read_text() for path in written)
