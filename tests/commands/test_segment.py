"""``radiofuse segment``: masks by networks and by programs, what goes wrong, and who is told to have made them."""

from __future__ import annotations

import json
import logging
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner, Result

pytest.importorskip("torch", reason="the extra `deep` is not installed")

from radiofuse import FeatureStore, RadiomicsExtractor, collect_features, read_cohort  # noqa: E402
from radiofuse.commands.segment import app  # noqa: E402
from radiofuse.deep.segmentation.answers import segmented  # noqa: E402
from radiofuse.deep.segmentation.classes import labels_from  # noqa: E402
from radiofuse.deep.segmentation.masks import NetworkMasks  # noqa: E402
from radiofuse.deep.segmentation.segmenter import load_segmenter  # noqa: E402
from radiofuse.imaging import write_volume  # noqa: E402
from radiofuse.imaging.scans import read_scan  # noqa: E402

SIZE = (12, 11, 10)  # x, y, z
CHEAP = ("--window", "8", "--widths", "4,8")
TRAINED = ("--folds", 2, "--epochs", 6, "--window", 8, "--widths", "4,8", "--device", "cpu")

# A program that takes for tumor what is bright in the first channel, and fails on those cases that further words name.
PROGRAM = """
import sys
from pathlib import Path
import SimpleITK as sitk
given, made = Path(sys.argv[1]), Path(sys.argv[2])
image = sitk.ReadImage(str(sorted(given.glob("*_0000.nii.gz"))[0]))
case = next(given.glob("*_0000.nii.gz")).name.removesuffix("_0000.nii.gz")
mask = sitk.Cast(image > 2, sitk.sitkUInt8) * 2
fault = dict(one.split(":") for one in sys.argv[3:]).get(case)
if fault == "fails":
    sys.exit("no GPU here")
if fault == "labels":
    mask = mask * 4
if fault == "empty":
    mask = mask * 0
if fault == "geometry":
    mask.SetSpacing((2, 2, 2))
if fault == "slices":
    mask = mask[:, :, :-3]
if fault == "full":
    mask = mask * 0 + 2
if fault != "nothing":
    sitk.WriteImage(mask, str(made / f"{case}.nii.gz"))
"""


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four patients with a bright box in two sequences; the last one lacks the second sequence and an expert."""
    rows = []
    for number in range(4):
        rng, mask = np.random.default_rng(number), np.zeros(SIZE, np.uint8)
        mask[3 : 8 + number % 2, 3:8, 2:7], mask[4:6, 4:6, 3:6] = 2, 4
        names = {"mask": "", "t2__image": ""}
        for name in ("t1", "t2") if number < 3 else ("t1",):
            names[f"{name}__image"] = f"p{number}_{name}.nii.gz"
            voxels = rng.normal(1, 0.2, SIZE) + 3 * (mask > 0) + 2 * (mask == 4)
            write_volume(tmp_path / f"p{number}_{name}.nii.gz", voxels.astype(np.float32), spacing_mm=(1, 1, 2))
        if number < 3:
            names["mask"] = f"p{number}_mask.nii.gz"
            write_volume(tmp_path / names["mask"], mask, spacing_mm=(1, 1, 2))
        rows.append({"sample_id": f"s{number}", "patient_id": f"p{number}", "idh": number % 2, **names})
    table = pd.DataFrame(rows).assign(mask_regions="NCR=1 ED=2 ET=4")
    table.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def segment(folder: Path, *words: object) -> Result:
    return CliRunner().invoke(app, [str(folder / "cohort.csv"), "--out", str(folder / "out"), *map(str, words)])


def by_program(folder: Path, *faults: str, channels: str = "t1") -> Result:
    command = " ".join([shlex.quote(sys.executable), str(folder / "program.py"), "{images}", "{out}", *faults])
    return segment(folder, "--command", command, "--channels", channels)


def keep(folder: Path, sample: str) -> None:
    """Leave one sample in the cohort table."""
    table = pd.read_csv(folder / "cohort.csv")
    table[table["sample_id"] == sample].to_csv(folder / "cohort.csv", index=False)


def rows_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "out" / "cohort.csv", keep_default_na=False).set_index("sample_id")


def labels_in(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def mask_by(folder: Path, number: int, fold: int) -> np.ndarray:
    """Return what one network of a trained segmenter says of a patient."""
    segmenter = load_segmenter(folder / "net")
    images = {name: str(folder / f"p{number}_{name}.nii.gz") for name in segmenter.channels}
    scan = read_scan(images, segmenter.channels, scaled=True)
    classes = segmented([segmenter.nets("cpu")[fold]], scan.voxels, segmenter.options)
    return scan.as_stored(labels_from(classes, segmenter.coding)).labels


def test_trained_networks_answer_patients_whom_they_never_saw(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "radiofuse.deep.segmentation.training")
    done = segment(folder, "--train", folder / "net", *TRAINED)
    assert done.exit_code == 0, done.output
    assert "fold 2 of 2, epoch 6 of 6: loss" in caplog.text
    rows, scores = rows_of(folder), pd.read_csv(folder / "out" / "segmentation.csv")
    cards = [json.loads((folder / "net" / f"fold{fold}.json").read_text()) for fold in (1, 2)]
    for number in range(3):
        which = int(rows.loc[f"s{number}", "mask_source"].partition("fold ")[2][0]) - 1
        assert f"p{number}" not in cards[which]["training_patients"]
        assert f"p{number}" in cards[1 - which]["training_patients"]
        assert (mask_by(folder, number, which) == labels_in(folder / "out" / f"s{number}" / "mask.nii.gz")).all()
    assert rows.loc["s3", "mask_source"].endswith("mean of 2 folds")  # whom no network saw
    assert list(scores["region"]) == ["WT", "TC", "ET"] * 3 and scores["dice"].between(0, 1).all()
    assert "WT: Dice" in done.output and "never saw this patient" in rows.loc["s0", "mask_source"]

    again = segment(folder, "--bundle", folder / "net")
    assert "(4 were there)" in again.output, again.output
    segmenter = load_segmenter(folder / "net")
    told = replace(segmenter, largest=1.0, options=replace(segmenter.options, z_scores=False))
    masks = NetworkMasks(replace(told, spacing_mm=((2, 1, 1), (2, 1, 1.5))), "cpu", flips=False)
    masks.make("s3", "p3", {"t1": str(folder / "p3_t1.nii.gz")})
    assert masks.warnings()[0].startswith("Intensities of s3 are far beyond 1,") and len(masks.warnings()) == 1
    masks = NetworkMasks(replace(segmenter, spacing_mm=((2, 2, 1), (2, 2, 1))), "cpu", flips=False)
    masks.make("s3", "p3", {"t1": str(folder / "p3_t1.nii.gz")})
    assert masks.warnings()[0].startswith("Voxels of s3 are of another size")

    once = segment(folder, "--bundle", folder / "net", "--no-flips")
    assert "(0 were there)" in once.output, once.output
    refused = segment(folder, "--train", folder / "net")
    assert refused.exit_code == 2 and "is not empty" in refused.output


def test_the_image_of_a_training_patient_under_another_name_gets_no_mask_from_whoever_saw_it(folder: Path) -> None:
    segment(folder, "--train", folder / "net", *TRAINED)
    cards = [json.loads((folder / "net" / f"fold{fold}.json").read_text()) for fold in (1, 2)]
    table = pd.read_csv(folder / "cohort.csv")
    copy = sitk.ReadImage(str(folder / "p0_t1.nii.gz"))
    sitk.WriteImage(copy, str(folder / "copy.nii.gz"), useCompression=False)  # other bytes, the same voxels
    renamed = {"sample_id": "x", "patient_id": "x", "t1__image": "copy.nii.gz", "mask_regions": ""}
    pd.concat([table.iloc[3:], pd.DataFrame([renamed])]).to_csv(folder / "cohort.csv", index=False)
    assert segment(folder, "--bundle", folder / "net", "--out", folder / "new").exit_code == 0
    told = pd.read_csv(folder / "new" / "cohort.csv").set_index("sample_id").loc["x", "mask_source"]
    saw = [number for number, card in enumerate(cards, 1) if "p0" in card["training_patients"]]
    assert f"fold {3 - saw[0]} of 2, which never saw this patient" in told

    # and where every network saw it under one name or another
    both = {**renamed, "sample_id": "y", "patient_id": cards[2 - saw[0]]["training_patients"][0]}
    pd.concat([table.iloc[3:], pd.DataFrame([both])]).to_csv(folder / "cohort.csv", index=False)
    done = segment(folder, "--bundle", folder / "net", "--out", folder / "newer")
    assert done.exit_code == 3 and "y seen_in_training: Every fold" in done.output


def test_features_are_those_of_the_new_mask_and_keep_their_own_keys(folder: Path) -> None:
    assert by_program(folder).exit_code == 0
    store, extractor = FeatureStore(folder / "store"), RadiomicsExtractor({"featureClass": {"shape": ["VoxelVolume"]}})
    tables = []
    for path in (folder / "cohort.csv", folder / "out" / "cohort.csv"):
        cohort = read_cohort(path, labels="idh", need_masks=False)
        cohort = cohort[cohort["sample_id"] != "s3"].reset_index(drop=True)
        found = collect_features(cohort, extractor, store, n_jobs=1)
        assert found.failures.empty, found.failures
        tables.append((found.table, set(found.extraction.keys.values())))
    assert cohort["mask_source"].str.startswith("command: ").all()
    assert not tables[0][1] & tables[1][1]
    name = "t1__original_shape_VoxelVolume"
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "out" / "s0" / "mask.nii.gz")))
    assert tables[1][0].loc["s0", name] == 2 * (mask > 0).sum()

    # and a mask that a program made is no expert's: nothing is learned from it
    rows = folder / "out" / "cohort.csv"
    table = pd.read_csv(rows, keep_default_na=False)
    pd.concat([table, pd.DataFrame([{"sample_id": "bare", "patient_id": "bare"}])]).to_csv(rows, index=False)
    again = CliRunner().invoke(app, [str(rows), "--out", str(folder / "b"), "--train", str(folder / "net"), *CHEAP])
    assert again.exit_code == 2 and "0 patients have images with a mask" in again.output
    assert "Without any image, so that no mask can be made: bare." in again.output


FAULTS = {
    "fails": r"segmenter_failed: .*made no mask of the tumor \(exit 1\): no GPU here",
    "nothing": r"segmenter_failed: .*wrote no s2.nii.gz: the folder {out} is empty",
    "labels": r"label_not_found: The segmentation holds the labels \[8\]; NCR=1 ED=2 ET=4 and 0",
    "geometry": r"geometry_mismatch: The mask lies up to",
    "empty": r"empty_roi: The segmenter found no tumor",
    "slices": r"geometry_mismatch: The mask that the program wrote has 12 x 11 x 7 voxels, the image .* 12 x 11 x 10;",
    "full": r"roi_is_whole_image: The mask selects every voxel of the image\.",
}


def test_patients_fail_each_with_a_sentence_and_the_rest_goes_on(folder: Path) -> None:
    table = pd.read_csv(folder / "cohort.csv", keep_default_na=False)
    more = []
    for name in ("s4", "s5", "s6", "s7"):
        (folder / f"{name}_t1.nii.gz").write_bytes((folder / "p2_t1.nii.gz").read_bytes())
        more.append(table.iloc[2].replace({"s2": name, "p2": name, "p2_t1.nii.gz": f"{name}_t1.nii.gz"}))
    sitk.WriteImage(sitk.ReadImage(str(folder / "p0_t1.nii.gz")), str(folder / "p0_t1.mha"))  # is made NIfTI
    table = table.replace({"p0_t1.nii.gz": "p0_t1.mha"})
    pd.concat([table, pd.DataFrame(more)]).assign(t2__image="").to_csv(folder / "cohort.csv", index=False)
    done = by_program(folder, *(f"s{number}:{fault}" for number, fault in enumerate(FAULTS, 1)))
    assert done.exit_code == 3
    for number, told in enumerate(FAULTS.values(), 1):
        assert re.search(f"s{number} {told}", done.output), done.output
    rows = rows_of(folder)
    assert rows.index[rows["mask"] != ""].tolist() == ["s0"] == rows.index[rows["t1__image"] != ""].tolist()
    read_cohort(folder / "out" / "cohort.csv", labels="idh")  # nothing in it keeps it from being used
    files = {path.parent.name: path.name for path in (folder / "out").glob("s*/*mask.nii.gz")}
    assert files == {"s0": "mask.nii.gz", "s5": "refused_mask.nii.gz", "s7": "refused_mask.nii.gz"}
    scored = pd.read_csv(folder / "out" / "segmentation.csv")
    assert set(scored["sample_id"]) == {
        "s0",
        "s5",
        "s7",
    }  # a mask of nothing or everything is an answer, and a wrong one
    assert (scored.loc[scored["sample_id"] == "s5", "hausdorff_95_mm"] == np.inf).any()
    assert "Whom that program was trained on is not known" in done.output
    volumes = pd.read_csv(folder / "out" / "volumes.csv").set_index(["sample_id", "region"])["volume_ml"]
    assert volumes["s0", "WT"] == volumes["s0", "ED"] == pytest.approx(5 * 5 * 5 * 2 / 1000)
    assert volumes["s5", "WT"] == volumes["s0", "ET"] == 0
    both = pd.read_csv(folder / "cohort.csv", keep_default_na=False).query("sample_id in ['s0', 's5']")
    both.to_csv(folder / "cohort.csv", index=False)
    again = by_program(folder, *(f"s{number}:{fault}" for number, fault in enumerate(FAULTS, 1)))
    assert re.search("s5 empty_roi: .* lies aside as", again.output) and "(1 were there)" in again.output


def test_a_channel_that_the_program_needs_is_absent(folder: Path) -> None:
    keep(folder, "s3")
    done = by_program(folder, channels="t1,t2")
    assert done.exit_code == 3 and "s3 channel_missing: t2 is absent" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "One of --bundle, --train and --command says who makes the masks; none of them"),
        (("--command", "no_such_program {images} {out}"), "'no_such_program', which is not on this machine"),
        (("--command", "nnUNetv2_predict -i {images}"), "--command must hold {images} and {out}"),
        (("--command", "ls {images} {out}", "--labels", "ET=4"), "a label for each of NCR, ED, ET"),
        (("--command", "ls {images} {out}", "--naming", "bids"), "choose from nnunet, brats"),
        (("--command", "ls {images} {out}", "--channels", "t1,pet"), "--channels names pet; the cohort has images of"),
        (("--bundle", "nowhere"), "nowhere holds no segmenter"),
        (("--bundle", "nowhere", "--channels", "t1"), "--channels says nothing to --bundle; it goes with --train and"),
        (
            ("--bundle", "nowhere", "--labels", "any"),
            "--labels says nothing to --bundle; it goes with --command. Leave",
        ),
        (
            ("--command", "ls {images} {out}", "--epochs", 12),
            "--epochs says nothing to --command; it goes with --train.",
        ),
        (
            ("--command", "ls {images} {out}", "--no-flips"),
            "--no-flips says nothing to --command; it goes with --bundle",
        ),
        (("--train", "net", "--folds", 9, "--window", 8, "--widths", "4,8"), "9 folds were asked for and 3 patients"),
        (("--train", "net", "--window", 9), "cannot be halved 2 times"),
        (("--train", "net", "--window", "x"), "--window takes whole numbers"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(folder: Path, monkeypatch, words: tuple, told: str) -> None:
    monkeypatch.chdir(folder)
    done = segment(folder, *words)
    assert done.exit_code in (2, 3) and told in " ".join(done.output.split()), done.output
    assert "Traceback" not in done.output


def test_files_of_others_stay(folder: Path) -> None:
    keep(folder, "s0")
    (folder / "out" / "s0").mkdir(parents=True)
    (folder / "out" / "s0" / "notes.txt").write_text("mine")
    done = by_program(folder)
    assert done.exit_code == 3 and "s0 output_refused" in done.output
    assert (folder / "out" / "s0" / "notes.txt").read_text() == "mine"
    (folder / "out" / "segmentation.csv").write_text("mine")
    refused = by_program(folder)
    assert refused.exit_code == 2 and "this command did not write it" in refused.output


def test_a_damaged_bundle_is_refused(folder: Path) -> None:
    segment(folder, "--train", folder / "net", *TRAINED)
    weights = folder / "net" / "fold1.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"oops")
    done = segment(folder, "--bundle", folder / "net")
    assert done.exit_code == 3 and "are corrupted" in done.output
