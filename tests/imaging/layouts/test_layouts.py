"""Folders named as public data sets name them become the rows of a cohort table; what is missing is told."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.cohort import app
from radiofuse.errors import CohortError, RequestError
from radiofuse.extract import RadiomicsExtractor, collect_features
from radiofuse.imaging import read_image, write_volume
from radiofuse.imaging.layouts.choices import find
from radiofuse.imaging.layouts.make import make_cohort
from radiofuse.imaging.layouts.pattern import find as find_by_pattern
from radiofuse.imaging.layouts.volume import MASK
from radiofuse.store import FeatureStore
from radiofuse.tables.cohort import read_cohort

UCSF = ("T1", "T1c", "T2", "FLAIR")


def save(path: Path, labels: tuple[int, ...] | None = None, seed: int = 0) -> None:
    """Write a small image, or a mask that holds the labels."""
    rng = np.random.default_rng(seed)
    voxels = rng.integers(1, 100, (8, 8, 8)).astype(np.int16)
    if labels is not None:
        voxels = np.zeros((8, 8, 8), dtype=np.uint8)
        for at, label in enumerate(labels):
            voxels[2:6, 2:6, 1 + 2 * at : 3 + 2 * at] = label
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, voxels, spacing_mm=(1, 1, 1))


def ucsf_patient(folder: Path, name: str, *, bias: bool = True, kinds: tuple[str, ...] = UCSF, seed: int = 0) -> None:
    of_patient = folder / f"{name}_nifti"
    for at, kind in enumerate(kinds):
        save(of_patient / f"{name}_{kind}.nii.gz", seed=seed + at)
        if bias:
            save(of_patient / f"{name}_{kind}_bias.nii.gz", seed=seed + at + 10)
    save(of_patient / f"{name}_SWI.nii.gz", seed=seed)
    save(of_patient / f"{name}_tumor_segmentation.nii.gz", (1, 2, 4))
    save(of_patient / f"{name}_brain_segmentation.nii.gz", (1,))


@pytest.fixture
def ucsf(tmp_path: Path) -> Path:
    folder = tmp_path / "ucsf"
    ucsf_patient(folder, "UCSF-PDGM-0004", seed=1)
    ucsf_patient(folder, "UCSF-PDGM-0005", bias=False, kinds=("T1", "T2", "FLAIR"), seed=100)
    ucsf_patient(folder, "UCSF-PDGM-0429", seed=200)
    ucsf_patient(folder, "UCSF-PDGM-0429_FU003d", seed=300)
    (folder / "UCSF-PDGM-metadata_v5.csv").write_text(
        "ID,Sex,Age at MRI,WHO CNS Grade,Final pathologic diagnosis (WHO 2021),MGMT status,MGMT index,1p/19q,IDH\n"
        'UCSF-PDGM-004,M,66,4,"Glioblastoma, IDH-wildtype",positive,4,unknown,wildtype\n'
        'UCSF-PDGM-005,F,34,2,"Astrocytoma, IDH-mutant",indeterminate,,intact,IDH1 p.R132H\n'
        "UCSF-PDGM-429,F,51,3,Oligodendroglioma,positive,9,relative co-deletion,mutated (NOS)\n"
        "UCSF-PDGM-429_FU003d,F,51,3,Oligodendroglioma,positive,9,relative co-deletion,mutated (NOS)\n"
        "UCSF-PDGM-541,M,70,4,Glioblastoma,negative,0,unknown,wildtype\n"
    )
    return folder


def test_ucsf_pdgm_is_read_with_its_quirks(ucsf: Path) -> None:
    made = make_cohort(ucsf)
    assert list(made.rows.index) == ["UCSF-PDGM-0004", "UCSF-PDGM-0005", "UCSF-PDGM-0429"]
    assert made.rows["t1__image"].map(lambda path: Path(path).name).tolist() == [
        "UCSF-PDGM-0004_T1_bias.nii.gz",
        "UCSF-PDGM-0005_T1.nii.gz",
        "UCSF-PDGM-0429_T1_bias.nii.gz",
    ]
    assert made.rows["t1ce__image"].map(bool).tolist() == [True, False, True]
    assert made.rows["idh"].tolist() == ["wildtype", "mutant", "mutant"]
    assert made.rows["mgmt"].tolist() == ["methylated", "", "methylated"]
    assert made.rows["codel_1p19q"].tolist() == ["", "intact", "codeleted"]
    assert made.rows["clinical__age"].tolist() == ["66", "34", "51"]
    assert set(made.rows["mask_regions"]) == {"NCR=1 ED=2 ET=4"}
    assert Path(made.rows["brain_mask"].iloc[0]).name == "UCSF-PDGM-0004_brain_segmentation.nii.gz"
    told = "\n".join(made.notes)
    for sentence in (
        "Layout: ucsf-pdgm.",
        "3 images have no bias-corrected file (*_bias); the plain one is taken: UCSF-PDGM-0005.",
        "1 follow-up scan left out: UCSF-PDGM-0429_FU003d.",
        "idh: IDH1 p.R132H and mutated (NOS) written as mutant.",
        "mgmt: indeterminate written as unknown, which is an empty cell; positive written as methylated.",
        "t1ce is absent in 1 sample: UCSF-PDGM-0005.",
        "2 rows of UCSF-PDGM-metadata_v5.csv without images here: UCSF-PDGM-429_FU003d, UCSF-PDGM-541.",
        "Columns left out: Final pathologic diagnosis (WHO 2021) and MGMT index.",
    ):
        assert sentence in told


def test_follow_ups_are_samples_of_their_patient_where_asked_for(ucsf: Path) -> None:
    rows = make_cohort(ucsf, follow_ups=True).rows
    assert rows.loc["UCSF-PDGM-0429_FU003d", "patient_id"] == "UCSF-PDGM-0429"
    assert rows.loc["UCSF-PDGM-0429_FU003d", "idh"] == "mutant"


def test_the_command_writes_a_table_that_reads_back(ucsf: Path) -> None:
    out = ucsf.parent / "cohort.csv"
    result = CliRunner().invoke(app, ["make", str(ucsf), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "3 samples of 3 patients, 11 images" in result.output
    assert "who_grade: 2: 1, 3: 1, 4: 1." in result.output
    cohort = read_cohort(out, labels=["idh=mutant"], ignore=["who_grade", "codel_1p19q", "mgmt"])
    assert cohort["idh"].tolist() == [0.0, 1.0, 1.0]
    assert cohort["clinical__sex"].tolist() == [1.0, 0.0, 0.0]
    assert Path(cohort["t1__image"].iloc[0]).is_file()


def test_what_another_program_wrote_is_not_replaced(ucsf: Path) -> None:
    out = ucsf.parent / "cohort.csv"
    out.write_text("my notes\n")
    result = CliRunner().invoke(app, ["make", str(ucsf), "--out", str(out)])
    assert result.exit_code == 2
    assert out.read_text() == "my notes\n"


@pytest.mark.parametrize(
    ("names", "patient", "sample", "labels", "coding"),
    [
        ("HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_{}.nii.gz", "Brats18_CBICA_AAB_1", None, (1, 2, 4), "ET=4"),
        ("BraTS20_Training_001/BraTS20_Training_001_{}.nii.gz", "BraTS20_Training_001", None, (2, 4), "ET=4"),
        ("BraTS2021_00000/BraTS2021_00000_{}.nii.gz", "BraTS2021_00000", None, (1, 2, 4), "ET=4"),
        (
            "BraTS-GLI-00000-001/BraTS-GLI-00000-001-{}.nii.gz",
            "BraTS-GLI-00000",
            "BraTS-GLI-00000-001",
            (1, 2, 3),
            "ET=3",
        ),
        (
            "BraTS-GLI-02405-100/BraTS-GLI-02405-100-{}.nii.gz",
            "BraTS-GLI-02405",
            "BraTS-GLI-02405-100",
            (1, 2, 3, 4),
            "RC=4",
        ),
    ],
)
def test_both_schemes_of_names_and_codings_of_labels_of_brats(
    tmp_path: Path, names: str, patient: str, sample: str | None, labels: tuple[int, ...], coding: str
) -> None:
    new = sample is not None
    for at, kind in enumerate(("t1n", "t1c", "t2w", "t2f") if new else ("t1", "t1ce", "t2", "flair")):
        save(tmp_path / names.format(kind), seed=at)
    save(tmp_path / names.format("seg"), labels)
    layout, found = find(tmp_path)
    assert layout == "brats"
    made = make_cohort(tmp_path)
    assert list(made.rows.index) == [sample or patient]
    assert made.rows["patient_id"].tolist() == [patient]
    assert (made.rows[["t1__image", "t1ce__image", "t2__image", "flair__image", "mask"]] != "").all(axis=None)
    assert made.rows["mask_regions"].iloc[0].endswith(coding)
    assert found.n_images == 4


def test_both_schemes_of_brats_in_one_folder_are_found_and_the_rest_is_told(tmp_path: Path) -> None:
    for name in ("BraTS-GLI-00000-000-t1n", "BraTS20_Training_001_t1"):
        save(tmp_path / f"{name}.nii.gz", seed=len(name))
        save(tmp_path / f"{name.replace('t1n', 'seg').replace('t1', 'seg')}.nii.gz", (1, 2, 3, 4))
    save(tmp_path / "scan.nii.gz", seed=9)
    made = make_cohort(tmp_path)
    assert list(made.rows.index) == ["BraTS-GLI-00000-000", "BraTS20_Training_001"]
    assert "1 other image file left out: scan.nii.gz." in made.notes
    assert "4 of tumor that does: of such, correct the column mask_regions." in made.notes[-1]


def no_layout(folder: Path, paths: list[str], *, follow_ups: bool = False) -> list[str]:
    return paths


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [("os:getcwd", "must take"), (f"{__name__}:no_layout", "return a Found; it returned list")],
)
def test_a_function_that_is_no_layout_is_one_sentence(tmp_path: Path, layout: str, sentence: str) -> None:
    save(tmp_path / "P1_t1.nii.gz")
    with pytest.raises(RequestError, match=sentence):
        find(tmp_path, layout)


def test_a_segmentation_may_be_called_mask_and_one_of_the_brain_or_beside_a_seg_is_none(tmp_path: Path) -> None:
    for name in ("p1/p1_t1", "p1/p1_mask", "p2/p2_t1", "p2/p2_mask", "p2/p2_seg", "p3/p3_t1", "p3/p3_brain_mask"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.nii.gz").touch()
    layout, found = find(tmp_path)
    masks = {volume.sample_id: volume.path.name for volume in found.volumes if volume.role == MASK}
    assert layout == "brats" and masks == {"p1": "p1_mask.nii.gz", "p2": "p2_seg.nii.gz"}


def test_the_grade_of_brats_2018_is_the_folder(tmp_path: Path) -> None:
    for grade in ("HGG", "LGG"):
        for kind in ("t1", "seg"):
            name = f"Brats18_{grade}_1"
            save(tmp_path / grade / name / f"{name}_{kind}.nii.gz", (1, 2, 4) if kind == "seg" else None)
    rows = make_cohort(tmp_path).rows
    assert rows["high_grade"].to_dict() == {"Brats18_HGG_1": "1", "Brats18_LGG_1": "0"}


def test_bids_sessions_contrast_and_derived_masks(tmp_path: Path) -> None:
    for session, seed in (("1", 0), ("2", 50)):
        anat = tmp_path / f"sub-01/ses-{session}/anat"
        save(anat / f"sub-01_ses-{session}_T1w.nii.gz", seed=seed)
        save(anat / f"sub-01_ses-{session}_ce-gd_T1w.nii.gz", seed=seed + 1)
        save(anat / f"sub-01_ses-{session}_FLAIR.nii.gz", seed=seed + 2)
        derived = tmp_path / f"derivatives/drawn/sub-01/ses-{session}/anat"
        save(derived / f"sub-01_ses-{session}_label-tumor_mask.nii.gz", (1,))
        save(derived / f"sub-01_ses-{session}_dseg.nii.gz", (1, 2, 3, 5))
        save(derived / f"sub-01_ses-{session}_desc-brain_mask.nii.gz", (1,))
        save(derived / f"sub-01_ses-{session}_space-T1w_FLAIR.nii.gz", seed=seed + 3)
    save(tmp_path / "sub-02/anat/sub-02_T1w.nii.gz", seed=90)
    (tmp_path / "participants.tsv").write_text("participant_id\tage\tsex\tgrade\nsub-01\t40\tF\t2\nsub-02\t50\tM\t4\n")
    made = make_cohort(tmp_path)
    assert list(made.rows.index) == ["sub-01_ses-1", "sub-01_ses-2"]
    assert made.rows["patient_id"].tolist() == ["sub-01", "sub-01"]
    row = made.rows.loc["sub-01_ses-1"]
    assert Path(row["t1ce__image"]).name == "sub-01_ses-1_ce-gd_T1w.nii.gz"
    assert "derivatives" not in row["flair__image"]
    assert Path(row["mask"]).name == "sub-01_ses-1_label-tumor_mask.nii.gz"
    assert Path(row["brain_mask"]).name == "sub-01_ses-1_desc-brain_mask.nii.gz"
    assert row[["clinical__age", "clinical__sex", "who_grade"]].tolist() == ["40", "F", "2"]
    assert "1 sample without a mask left out: sub-02. Keep them with --keep-unmasked." in made.notes
    assert list(make_cohort(tmp_path, keep_unmasked=True).rows.index)[-1] == "sub-02"


def test_a_bids_segmentation_of_tissues_is_no_tumor(tmp_path: Path) -> None:
    for name in ("sub-01", "sub-02", "sub-03"):
        save(tmp_path / f"{name}/anat/{name}_T1w.nii.gz", seed=int(name[-1]))
        save(tmp_path / f"derivatives/fmriprep-23.1/{name}/anat/{name}_dseg.nii.gz", (1, 2, 3))
    save(tmp_path / "derivatives/maps/sub-01/anat/sub-01_desc-aparcaseg_dseg.nii.gz", (1, 2, 3))
    save(tmp_path / "derivatives/maps/sub-01/anat/sub-01_desc-tumor_dseg.nii.gz", (1, 2, 3))
    save(tmp_path / "derivatives/maps/sub-02/anat/sub-02_dseg.nii.gz", (1, 2, 3))
    made = make_cohort(tmp_path)
    names = {sample: Path(path).parts[-4:] for sample, path in made.rows["mask"].items()}
    assert names == {
        "sub-01": ("maps", "sub-01", "anat", "sub-01_desc-tumor_dseg.nii.gz"),
        "sub-02": ("maps", "sub-02", "anat", "sub-02_dseg.nii.gz"),
    }
    told = " ".join(made.notes)
    assert "4 segmentations of tissues or areas left out: derivatives/fmriprep-23.1/sub-01/" in told
    assert "The names of 1 mask (dseg) do not say tumor or lesion: sub-02. Check" in told
    assert "1 sample without a mask left out: sub-03." in told


def test_upenn_takes_the_corrected_segmentation_and_drops_visits_after_surgery(tmp_path: Path) -> None:
    for visit in ("11", "21"):
        name = f"UPENN-GBM-00001_{visit}"
        for kind in ("T1", "T1GD", "T2", "FLAIR"):
            save(tmp_path / "images" / name / f"{name}_{kind}.nii.gz", seed=int(visit))
        save(tmp_path / "automated" / f"{name}_automated_approx_segm.nii.gz", (1, 2, 4))
    save(tmp_path / "drawn" / "UPENN-GBM-00001_11_segm.nii.gz", (1, 2, 4))
    made = make_cohort(tmp_path)
    assert made.notes[0] == "Layout: upenn-gbm."
    assert list(made.rows.index) == ["UPENN-GBM-00001_11"]
    assert made.rows["patient_id"].tolist() == ["UPENN-GBM-00001"]
    assert Path(made.rows["mask"].iloc[0]).name == "UPENN-GBM-00001_11_segm.nii.gz"


def test_mu_glioma_post_keeps_every_time_point(tmp_path: Path) -> None:
    for point in (1, 2):
        name = f"PatientID_0003_Timepoint_{point}"
        folder = tmp_path / "PatientID_0003" / f"Timepoint_{point}"
        for kind in ("t1n", "t1c", "t2w", "t2f"):
            save(folder / f"{name}_brain_{kind}.nii.gz", seed=point)
        save(folder / f"{name}_tumorMask.nii.gz", (1, 2, 3, 4))
    made = make_cohort(tmp_path)
    assert made.notes[0] == "Layout: mu-glioma-post."
    assert made.rows["patient_id"].tolist() == ["PatientID_0003"] * 2
    assert made.rows["mask_regions"].iloc[0] == "NCR=1 ED=2 ET=3 RC=4"


def test_patterns_with_masks_of_each_modality_sites_and_sessions(tmp_path: Path) -> None:
    for patient in ("A", "B"):
        for kind in ("MR_T1", "PET"):
            save(tmp_path / "north" / patient / "pre" / f"{kind}_image.nii.gz", seed=ord(patient))
            save(tmp_path / "north" / patient / "pre" / f"{kind}_mask.nii.gz", (1,))
    found = find_by_pattern(
        tmp_path,
        ["{site}/{patient}/{session}/{modality}_image.nii.gz"],
        mask_patterns=["{site}/{patient}/{session}/{modality}_mask.nii.gz"],
        modalities={"MR_T1": "t1", "PET": "pet"},
    )
    rows = make_cohort(tmp_path, "pattern", found=found).rows
    assert list(rows.index) == ["A_pre", "B_pre"]
    assert rows["site"].tolist() == ["north", "north"]
    assert [Path(path).name for path in rows.loc["A_pre", ["t1__mask", "pet__mask"]]] == [
        "MR_T1_mask.nii.gz",
        "PET_mask.nii.gz",
    ]


def test_a_pattern_of_one_modality_and_folders_of_any_depth(tmp_path: Path) -> None:
    save(tmp_path / "P1/raw/x_t1.nii.gz")
    save(tmp_path / "P1/raw/deep/y_t1c.nii.gz", seed=1)
    found = find_by_pattern(tmp_path, ["t1={patient}/raw/*_t1.nii.gz", "t1ce={patient}/**/*_t1c.nii.gz"])
    assert {(volume.patient_id, volume.modality) for volume in found.volumes} == {("P1", "t1"), ("P1", "t1ce")}


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("{pateint}/{modality}.nii.gz", "Did you mean 'patient'?"),
        ("{modality}.nii.gz", "write {patient} in it"),
        ("{patient}/{patient}.nii.gz", "No image below"),
    ],
)
def test_a_pattern_that_cannot_serve_is_one_sentence(tmp_path: Path, pattern: str, sentence: str) -> None:
    save(tmp_path / "P1" / "t1.nii.gz")
    with pytest.raises(RequestError, match=sentence.replace("{", r"\{").replace("}", r"\}").replace("?", r"\?")):
        find_by_pattern(tmp_path, [pattern])


def test_nothing_recognized_names_the_way_on(tmp_path: Path) -> None:
    save(tmp_path / "scan.nii.gz")
    with pytest.raises(RequestError, match="--layout pattern"):
        make_cohort(tmp_path)
    with pytest.raises(RequestError, match="There is no folder at"):
        make_cohort(tmp_path / "gone")


def test_hidden_files_and_loops_of_links_are_not_followed(tmp_path: Path) -> None:
    save(tmp_path / "P1_t1.nii.gz")
    save(tmp_path / "P1_seg.nii.gz", (1,))
    (tmp_path / "._P1_t1.nii.gz").write_bytes(b"macOS")
    (tmp_path / "again").symlink_to(tmp_path)
    assert len(make_cohort(tmp_path).rows) == 1


def test_two_codings_in_one_folder_are_told_apart_mask_by_mask(tmp_path: Path) -> None:
    for name, labels in (("P1", (1, 2, 4)), ("P2", (1, 2, 3)), ("P3", (1, 2)), ("P4", (2, 3))):
        save(tmp_path / f"{name}_t1.nii.gz", seed=ord(name[1]))
        save(tmp_path / f"{name}_seg.nii.gz", labels)
    made = make_cohort(tmp_path)
    assert made.rows["mask_regions"].map(lambda cell: cell[-4:]).tolist() == ["ET=4", "ET=3", "ET=3", "ET=3"]
    assert any("coded in two ways" in note for note in made.notes)


def test_no_image_is_replaced_not_even_with_overwrite(ucsf: Path) -> None:
    table = ucsf.parent / "cohort.csv"
    run = CliRunner().invoke
    assert run(app, ["make", str(ucsf), "--out", str(table)]).exit_code == 0
    image = ucsf / "UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_T1_bias.nii.gz"
    before = image.read_bytes()
    for words in (["make", str(ucsf), "--out"], ["check", str(table), "--jobs", "1", "--failures"]):
        result = run(app, [*words, str(image), "--overwrite"])
        assert result.exit_code == 2 and image.read_bytes() == before, result.output


def test_a_hand_made_table_is_not_replaced(tmp_path: Path) -> None:
    save(tmp_path / "P1_t1.nii.gz")
    save(tmp_path / "P1_seg.nii.gz", (1,))
    table = tmp_path / "cohort.csv"
    table.write_text("sample_id,patient_id,idh\nP1,P1,1\n")
    assert CliRunner().invoke(app, ["make", str(tmp_path), "--out", str(table)]).exit_code == 2
    assert table.read_text().endswith("P1,P1,1\n")


def test_samples_that_the_comparison_of_ids_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    for name in ("P1", "P01"):
        save(tmp_path / f"{name}_t1.nii.gz", seed=len(name))
        save(tmp_path / f"{name}_seg.nii.gz", (1,))
    table = tmp_path / "labels.csv"
    table.write_text("id,idh\nP1,0\n")
    with pytest.raises(CohortError, match="cannot tell apart: P01 and P1"):
        make_cohort(tmp_path, labels=table)


def test_two_rows_of_one_id_that_differ_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "P1_t1.nii.gz")
    save(tmp_path / "P1_seg.nii.gz", (1,))
    table = tmp_path / "labels.csv"
    table.write_text("id,idh\nP01,0\np1,1\n")
    with pytest.raises(CohortError, match="1 id in several rows that differ: p-?1"):
        make_cohort(tmp_path, labels=table)
    table.write_text("id,idh\nP01,0\np1,0\n")
    assert make_cohort(tmp_path, labels=table).rows["idh"].tolist() == ["0"]


def test_umlauts_join_however_a_system_writes_them_and_a_strange_class_is_told(tmp_path: Path) -> None:
    for seed, name in enumerate((unicodedata.normalize("NFD", "Jörg"), "P-2", "P 3")):
        for kind in ("t1", "seg"):
            save(tmp_path / name / f"{name}_{kind}.nii.gz", (1, 2, 4) if kind == "seg" else None, seed)
    table = tmp_path / "labels.csv"
    table.write_text("id,idh\n" + unicodedata.normalize("NFC", "Jörg") + ",wt\np_02,IDH mutant\nP-3,NOS\n")
    made = make_cohort(tmp_path, labels=table)
    assert sorted(made.rows["idh"]) == ["IDH mutant", "NOS", "wt"]
    told = " ".join(made.notes)
    assert "joined by its column id to 3 samples" in told and "a blank, - and _ count as the same" in told
    assert "idh: NOS is no spelling known here, so all cells stay as they are written" in told


def test_names_that_cannot_be_files_are_written_otherwise_and_still_join(tmp_path: Path) -> None:
    names = ("Müller Jörg", "Muller_Jorg", "患者 一", "患者 二", "CON", "P.1")
    for seed, name in enumerate(names):
        for kind in ("t1", "seg"):
            save(tmp_path / "images" / name / f"{name}_{kind}.nii.gz", (1,) if kind == "seg" else None, seed)
    (tmp_path / "labels.csv").write_text("id,idh\n" + "\n".join(f"{name},{at % 2}" for at, name in enumerate(names)))
    made = make_cohort(tmp_path / "images", labels=tmp_path / "labels.csv")
    made.rows.to_csv(tmp_path / "cohort.csv")
    cohort = read_cohort(tmp_path / "cohort.csv", labels=["idh"])
    assert dict(zip(cohort["sample_id"], cohort["idh"], strict=True)) == {
        "CON-2": 0, "Muller_Jorg": 1, "Muller_Jorg-2": 0, "P.1": 1, "id": 0, "id-2": 1
    }  # fmt: skip
    assert (cohort["patient_id"] == cohort["sample_id"]).all()
    assert (
        "4 ids cannot be names of files and are written otherwise: 'CON' as CON-2, 'Müller Jörg' as" in made.notes[-1]
    )


def test_labels_that_match_no_sample_say_by_which_rule(tmp_path: Path) -> None:
    save(tmp_path / "P1_t1.nii.gz")
    save(tmp_path / "P1_seg.nii.gz", (1,))
    table = tmp_path / "labels.csv"
    table.write_text("id,idh\nX9,0\n")
    with pytest.raises(RequestError, match="Ids are compared without case"):
        make_cohort(tmp_path, labels=table)


def test_check_names_what_the_gate_refuses_and_the_rest_passes(tmp_path: Path) -> None:
    for patient in ("P1", "P2", "P3"):
        save(tmp_path / f"{patient}_t1.nii.gz", seed=ord(patient[1]))
        save(tmp_path / f"{patient}_seg.nii.gz", (1, 2, 4))
    (tmp_path / "P2_t1.nii.gz").write_bytes(b"not an image")
    write_volume(tmp_path / "P3_seg.nii.gz", np.zeros((8, 8, 8), dtype=np.uint8), spacing_mm=(1, 1, 1))
    table = tmp_path / "cohort.csv"
    assert CliRunner().invoke(app, ["make", str(tmp_path), "--out", str(table)]).exit_code == 0
    result = CliRunner().invoke(app, ["check", str(table), "--jobs", "1", "--failures", str(tmp_path / "f.csv")])
    assert result.exit_code == 3
    assert "1 of 3 images with their masks are usable" in result.output
    failures = pd.read_csv(tmp_path / "f.csv")
    assert failures[["sample_id", "code"]].to_numpy().tolist() == [["P2", "wrong_extension"], ["P3", "empty_roi"]]


def test_check_ends_with_3_where_two_patients_have_one_scan(tmp_path: Path) -> None:
    for name in "AB":
        save(tmp_path / f"{name}_t1.nii.gz", seed=1)
        save(tmp_path / f"{name}_seg.nii.gz", (1,))
    make_cohort(tmp_path).rows.to_csv(tmp_path / "cohort.csv")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "cohort.csv"), "--jobs", "1"])
    assert result.exit_code == 3 and "Images of different patients with the same content" in result.output


def test_a_folder_becomes_features_by_two_commands(ucsf: Path) -> None:
    table, store = ucsf.parent / "cohort.csv", ucsf.parent / "store"
    assert CliRunner().invoke(app, ["make", str(ucsf), "--out", str(table)]).exit_code == 0
    cohort = read_cohort(table)
    found = collect_features(
        cohort, RadiomicsExtractor({"featureClass": {"firstorder": ["Mean"]}}), FeatureStore(store), region="WT"
    )
    assert found.failures.empty and found.extraction is not None and found.extraction.n_computed == 11
    path = ucsf / "UCSF-PDGM-0429_nifti" / "UCSF-PDGM-0429_FLAIR_bias.nii.gz"
    voxels, mask = (read_image(one).image for one in (path, path.with_name("UCSF-PDGM-0429_tumor_segmentation.nii.gz")))
    inside = sitk.GetArrayFromImage(voxels)[sitk.GetArrayFromImage(mask) > 0]
    assert found.table.loc["UCSF-PDGM-0429", "flair__original_firstorder_Mean"] == pytest.approx(inside.mean())


def test_labels_of_a_workbook_are_joined_as_those_of_the_same_csv_file(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="the extra `excel` is not installed")
    folder, out = tmp_path / "images", tmp_path / "cohort.csv"
    for name in ("0007", "0012"):
        save(folder / f"{name}_t1.nii.gz", seed=int(name))
        save(folder / f"{name}_seg.nii.gz", (1, 2, 4))
    book = openpyxl.Workbook()
    for row in (["ID", "Age", "WHO grade", "IDH"], ["0007", 61.0, 4, "wildtype"], ["0012", 34.5, 2, "mutant"]):
        book.active.append(row)
    book.create_sheet("Notes").append(["seen", "by"])
    book.save(tmp_path / "labels.xlsx")
    (tmp_path / "labels.csv").write_text("ID,Age,WHO grade,IDH\n0007,61,4,wildtype\n0012,34.5,2,mutant\n")
    made = {}
    for table in ("labels.xlsx", "labels.csv"):
        result = CliRunner().invoke(app, ["make", str(folder), "--labels", str(tmp_path / table), "--out", str(out)])
        assert result.exit_code == 0, result.output
        made[table] = out.read_bytes()
        out.unlink()
        if table == "labels.xlsx":
            assert "read from its first sheet, Sheet; not from Notes" in " ".join(result.output.split())
    assert made["labels.xlsx"] == made["labels.csv"]
    assert b"0007,0007,61,4,wildtype" in made["labels.csv"]
    with pytest.raises(RequestError, match=r"labels\.csv is no Excel workbook, so it has no sheet 'Notes'"):
        make_cohort(folder, labels=tmp_path / "labels.csv", sheet="Notes")
