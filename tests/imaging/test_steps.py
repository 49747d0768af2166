"""What is done to images before features: registered, on a grid, cleaned, scaled; and the record of it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.cohort import app
from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.brain_command import check_command
from radiofuse.imaging.intensities import white_stripe, without_bias
from radiofuse.imaging.mask_cleaning import cleaned
from radiofuse.imaging.ready_files import SampleFiles, make_sample_ready
from radiofuse.imaging.registration import moved, register
from radiofuse.imaging.resampling import upright_grid
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import prepared


def brain(seed: int = 0, size: tuple[int, int, int] = (40, 36, 28)) -> sitk.Image:
    """Return something with structure: a ball with smooth lumps in it."""
    rng = np.random.default_rng(seed)
    lumps = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.normal(size=size[::-1])), 2.0)
    z, y, x = np.ogrid[: size[2], : size[1], : size[0]]
    inside = sum(((at - n / 2) / (0.42 * n)) ** 2 for at, n in ((x, size[0]), (y, size[1]), (z, size[2]))) < 1
    voxels = np.where(inside, 100 + 300 * sitk.GetArrayFromImage(lumps), 0).astype(np.float32)
    return sitk.GetImageFromArray(voxels)


def tumor(image: sitk.Image) -> sitk.Image:
    voxels = np.zeros(image.GetSize()[::-1], np.uint8)
    voxels[10:18, 14:22, 16:26] = 2
    voxels[12:15, 16:20, 18:22] = 4
    mask = sitk.GetImageFromArray(voxels)
    mask.CopyInformation(image)
    return mask


def test_a_known_shift_is_found_and_labels_stay_labels() -> None:
    fixed = brain()
    center = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    shift = sitk.Euler3DTransform(center, *np.deg2rad([2, -3, 5]), (3.0, -2.0, 1.5))
    moving = sitk.Resample(fixed, fixed, shift, sitk.sitkLinear, 0.0)
    found = register(moving, fixed)
    places = np.argwhere(sitk.GetArrayFromImage(fixed) > 0)[::97, ::-1].astype(float)
    wanted = np.array([shift.GetInverse().TransformPoint(place) for place in places])
    errors = np.linalg.norm([found.transform.TransformPoint(place) for place in places] - wanted, axis=1)
    assert errors.mean() < 0.5
    assert np.linalg.norm(places - wanted, axis=1).mean() > 3
    assert found.after > found.before and not found.worse
    back = moved(moved(tumor(fixed), fixed, shift, is_mask=True), fixed, found.transform, is_mask=True)
    assert set(np.unique(sitk.GetArrayFromImage(back))) == {0, 2, 4}
    again = register(moving, fixed)
    assert again.transform.GetParameters() == found.transform.GetParameters()


def test_brain1_moved_by_six_degrees_of_freedom_is_brought_back(data_dir: Path) -> None:
    """Slices 6.5 mm apart, pixels doubled to 1.6 mm: a mean error of .06 mm where .5 is allowed."""
    path = next((data_dir / "pyradiomics_testdata").rglob("brain1_image.nrrd"))
    fixed = sitk.BinShrink(sitk.ReadImage(str(path)), (2, 2, 1))
    center = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    shift = sitk.Euler3DTransform(center, *np.deg2rad([2, -3, 5]), (4.0, -3.0, 2.0))
    found = register(sitk.Resample(fixed, fixed, shift, sitk.sitkLinear, 0.0), fixed)
    inside = np.argwhere(sitk.GetArrayFromImage(fixed) > 100)[::997, ::-1].tolist()
    places = np.array([fixed.TransformIndexToPhysicalPoint(place) for place in inside])
    wanted = np.array([shift.GetInverse().TransformPoint(place) for place in places])
    errors = np.linalg.norm([found.transform.TransformPoint(place) for place in places] - wanted, axis=1)
    assert np.linalg.norm(places - wanted, axis=1).mean() > 8
    assert errors.mean() < 0.5 and errors.max() < 1


def test_an_image_where_it_belongs_stays_there_to_the_last_bit() -> None:
    image = brain(1)
    found = register(image, image)
    assert found.worse and found.transform.GetParameters() == (0.0,) * 6


def test_images_that_do_not_overlap_and_flat_ones_are_refused() -> None:
    flat = sitk.Image(20, 20, 20, sitk.sitkFloat32)
    with pytest.raises(ImageError, match=r"could not be registered|do not overlap") as caught:
        register(flat, brain())
    assert caught.value.code == "registration_failed"
    with pytest.raises(RequestError, match='"rigid" or "affine"'):
        register(brain(), brain(), kind="elastic")


def test_what_cannot_be_registered_is_named_with_the_reason() -> None:
    image = brain()
    flat = sitk.Image(image.GetSize(), sitk.sitkFloat32) + 5
    flat.CopyInformation(image)
    for other, sentence in (
        (flat, "flair onto t1: The image could not be registered: all voxels of one of the two are 5"),
        (image[:, :, 14:15], "flair onto t1: The image could not be registered: 40 x 36 x 1 voxels are no volume"),
    ):
        with pytest.raises(ImageError, match=sentence):
            prepared({"t1": image, "flair": other}, {}, None, Steps(register_to="t1"))


def test_a_search_that_runs_out_of_the_image_leaves_it_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*images: object) -> sitk.Transform:
        raise RuntimeError("ITK ERROR: All samples map outside moving image buffer.")

    monkeypatch.setattr("radiofuse.imaging.registration._searched", search)
    found = register(brain(1), brain(2))
    assert found.worse and found.transform.GetParameters() == (0.0,) * 6


def test_a_grid_keeps_the_center_and_turns_upright() -> None:
    image = sitk.DICOMOrient(brain(), "RSP")
    image.SetSpacing((1.0, 3.0, 0.5))
    image.SetOrigin((5.0, -7.0, 11.0))
    grid = upright_grid(image, (2.0, 2.0, 2.0))
    assert sitk.DICOMOrientImageFilter_GetOrientationFromDirectionCosines(grid.GetDirection()) == "LPS"
    centers = [
        one.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in one.GetSize()]) for one in (image, grid)
    ]
    np.testing.assert_allclose(*centers, atol=1e-9)


def test_three_grids_become_one_and_the_mask_comes_along() -> None:
    t2 = brain(2)
    mask = tumor(t2)
    shift = sitk.TranslationTransform(3, (2.0, -3.0, 1.0))
    t1 = sitk.Resample(t2, upright_grid(t2, (1.0, 1.0, 2.0)), shift, sitk.sitkLinear, 0.0)
    found = prepared({"t1": t1, "t2": t2}, {"t1": mask, "t2": mask}, None, Steps(register_to="t2"))
    assert found.images["t1"].GetSize() == t2.GetSize()
    inside = sitk.GetArrayFromImage(t2) > 0
    one, other = (sitk.GetArrayFromImage(found.images[name])[inside] for name in ("t1", "t2"))
    assert np.corrcoef(one, other)[0, 1] > 0.75 > 0.5 > np.corrcoef(_still(t1, t2)[inside], other)[0, 1]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.masks["t1"]), sitk.GetArrayFromImage(mask))
    assert list(found.record["registration"]) == ["t1"]


def _still(image: sitk.Image, grid: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(moved(image, grid, sitk.Transform(3, sitk.sitkIdentity)))


def test_all_come_to_an_atlas_by_way_of_the_modality_that_looks_like_it() -> None:
    atlas = brain(8)
    center = atlas.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in atlas.GetSize()])
    away = sitk.Euler3DTransform(center, 0.03, -0.04, 0.05, (2.0, -3.0, 1.0))
    t2 = sitk.Resample(atlas, atlas, away, sitk.sitkLinear, 0.0)
    t1 = sitk.Resample(t2, t2, sitk.TranslationTransform(3, (-2.0, 1.0, 2.0)), sitk.sitkLinear, 0.0)
    mask = moved(tumor(atlas), atlas, away, is_mask=True)  # drawn on t2
    found = prepared({"t1": t1, "t2": t2}, {"t1": mask, "t2": mask}, None, Steps(register_to="t2", atlas="a"), atlas)
    inside = sitk.GetArrayFromImage(atlas) > 0
    for name in ("t1", "t2"):
        one, other = (sitk.GetArrayFromImage(image)[inside] for image in (found.images[name], atlas))
        assert np.corrcoef(one, other)[0, 1] > 0.75
    drawn, wanted = (sitk.GetArrayFromImage(one) != 0 for one in (found.masks["t1"], tumor(atlas)))
    assert 2 * (drawn & wanted).sum() / (drawn.sum() + wanted.sum()) > 0.9
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.masks["t2"]) != 0, drawn)


def test_skull_spacing_cleaning_cut_and_scale_in_one() -> None:
    image = brain(3)
    mask = tumor(image)
    mask[2, 2, 2] = 4
    region = sitk.Cast(image > 50, sitk.sitkUInt8)
    steps = Steps(
        skull=False, spacing_mm=(2.0, 2.0, 2.0), largest_piece=True, margin_mm=4, scale="z_score", over="region"
    )
    found = prepared({"t1": image}, {"t1": mask}, region, steps)
    voxels = sitk.GetArrayFromImage(found.images["t1"])
    drawn = sitk.GetArrayFromImage(found.masks["t1"]) != 0
    assert found.images["t1"].GetSpacing() == (2.0, 2.0, 2.0)
    assert found.images["t1"].GetSize() == found.masks["t1"].GetSize() == (9, 8, 8)
    np.testing.assert_allclose([voxels[drawn].mean(), voxels[drawn].std()], [0, 1], atol=1e-5)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (Steps(skull=False), "needs a mask of the brain"),
        (Steps(scale="z_score", over="brain"), "t1: .*brain_mask is empty"),
        (Steps(register_to="t2"), "t2 is absent"),
        (Steps(least_mm3=1e9), "t1: nothing of the mask is left"),
        (Steps(largest_piece=True), "t1: the mask is zero everywhere. Draw"),
        (Steps(spacing_mm=(0.001, 0.001, 0.001)), "has 40000 x 36000 x 28000 voxels here"),
    ],
)
def test_a_step_that_cannot_be_taken_is_one_sentence(steps: Steps, sentence: str) -> None:
    image = brain()
    mask = tumor(image) * (0 if steps.largest_piece else 1)
    with pytest.raises(ImageError, match=sentence):
        prepared({"t1": image}, {"t1": mask}, None, steps)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"spacing": [1, 1, 1]}, "Did you mean 'spacing_mm'"),
        ({"n4": "yes"}, "n4 is 'yes'; its default is False"),
        ({"spacing_mm": [1, 0, 1]}, "three numbers above 0"),
        ({"spacing_mm": 1}, "three numbers above 0, not 1"),
        ({"spacing_mm": ["a", 1, 1]}, "three numbers above 0"),
        ({"spacing_mm": [float("inf"), 1, 1]}, "three numbers above 0"),
        ({"clip": [99, 1]}, "ascending order"),
        ({"clip": [1, "x"]}, "ascending order"),
        ({"clip": 5}, "ascending order"),
        ({"margin_mm": -5, "least_mm3": -1}, "margin_mm is -5; a number of 0 or more was expected; least_mm3 is -1"),
        ({"margin_mm": [1]}, "a number of 0 or more was expected"),
        ({"scale": "zscore", "over": "tumor"}, "scale is one of z_score, white_stripe, unit_range; over is one of"),
    ],
)
def test_options_are_refused_before_any_image(options: dict, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        Steps.of(options)


def test_n4_takes_a_slow_field_out_of_a_brain() -> None:
    inside = sitk.GetArrayFromImage(brain(4)) > 0
    voxels = np.where(inside, np.random.default_rng(4).normal(100, 3, inside.shape), 0)
    field = np.linspace(0.6, 1.4, voxels.shape[2])[None, None, :]
    biased = sitk.GetImageFromArray((voxels * field).astype(np.float32))
    corrected = sitk.GetArrayFromImage(without_bias(biased, sitk.Cast(biased > 0, sitk.sitkUInt8)))
    spread = [one[inside].std() / one[inside].mean() for one in (voxels * field, corrected)]
    assert spread[1] < 0.5 * spread[0]


def test_an_image_of_one_slice_is_refused_where_a_step_needs_a_volume() -> None:
    flat = brain()[:, :, 14:15]
    for steps in (Steps(n4=True), Steps(register_to="t2")):
        with pytest.raises(ImageError) as caught:
            prepared({"t1": flat, "t2": flat}, {}, None, steps)
        assert caught.value.code in ("bias_field_failed", "registration_failed")


def test_white_stripe_finds_the_last_peak_of_t1_and_the_highest_of_flair() -> None:
    rng = np.random.default_rng(0)
    tissue = np.concatenate([rng.normal(60, 4, 6000), rng.normal(110, 4, 4000)])
    region = np.ones(len(tissue), bool)
    scaled = {name: white_stripe(tissue, region, name) for name in ("t1", "flair")}
    assert abs(np.median(scaled["t1"][6000:])) < 0.5 < abs(np.median(scaled["t1"][:6000]))
    assert abs(np.median(scaled["flair"][:6000])) < 0.5


def test_a_program_makes_the_mask_of_the_brain_or_says_why_not(tmp_path: Path) -> None:
    script = tmp_path / "brain.py"
    script.write_text(
        "import sys, SimpleITK as sitk\nimage = sitk.ReadImage(sys.argv[1])\n"
        "if image[20, 18, 14] > 1e6: sys.exit('no head in it')\n"
        "sitk.WriteImage(sitk.Cast(image > 50, sitk.sitkUInt8), sys.argv[2])\n"
    )
    image = brain(3)
    sitk.WriteImage(image, str(tmp_path / "t1.nii.gz"))
    sitk.WriteImage(image * 0 + 2e6, str(tmp_path / "flat.nii.gz"))
    steps = Steps(brain_command=f"{sys.executable} {script} {{image}} {{brain}}", skull=False)
    done = make_sample_ready(tmp_path, SampleFiles("A", {"t1": str(tmp_path / "t1.nii.gz")}, {}, ""), steps)
    voxels, wanted = (sitk.GetArrayFromImage(sitk.ReadImage(done.files[name])) for name in ("t1", "brain_mask"))
    np.testing.assert_array_equal(voxels != 0, wanted != 0)
    with pytest.raises(ImageError, match=r"made no mask of the brain \(exit 1\): no head in it"):
        make_sample_ready(tmp_path, SampleFiles("B", {"t1": str(tmp_path / "flat.nii.gz")}, {}, ""), steps)
    with pytest.raises(RequestError, match="not on this machine. Install it"):
        check_command("no-such-program {image} {brain}")
    with pytest.raises(RequestError, match="a quotation mark that none closes"):
        check_command("tool '{image} {brain}")


def test_a_hole_gets_the_commonest_label_also_where_labels_are_below_zero() -> None:
    voxels = np.full((5, 5, 5), -1, np.int16)
    voxels[2, 2, 2], voxels[0, 0, 0] = 0, 2
    mask, counts = cleaned(sitk.GetImageFromArray(voxels), fill_holes=True)
    assert counts == {"removed": 0, "filled": 1} and mask[2, 2, 2] == -1


def test_neither_inputs_nor_files_of_others_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    path = tmp_path / "A" / "t1.nii.gz"
    sitk.WriteImage(brain(3), str(path))
    before = path.read_bytes()
    with pytest.raises(ImageError, match="A holds the input t1"):
        make_sample_ready(tmp_path, SampleFiles("A", {"t1": str(path)}, {}, ""), Steps(scale="z_score"))
    (tmp_path / "out" / "A").mkdir(parents=True)
    (tmp_path / "out" / "A" / "t1.nii.gz").write_text("mine")
    with pytest.raises(ImageError, match="did not write"):
        make_sample_ready(tmp_path / "out", SampleFiles("A", {"t1": str(path)}, {}, ""), Steps(scale="z_score"))
    assert path.read_bytes() == before and (tmp_path / "out" / "A" / "t1.nii.gz").read_text() == "mine"


def test_the_command_writes_a_cohort_and_does_again_only_what_changed(tmp_path: Path) -> None:
    for name, seed in (("A", 5), ("B", 6)):
        image = brain(seed)
        sitk.WriteImage(image, str(tmp_path / f"{name}_t1.nii.gz"))
        sitk.WriteImage(tumor(image), str(tmp_path / f"{name}_seg.nii.gz"))
    (tmp_path / "C_t1.nii.gz").write_bytes(b"no image")
    rows = [
        {
            "sample_id": name,
            "patient_id": name,
            "idh": "1",
            "t1__image": f"{name}_t1.nii.gz",
            "mask": f"{of}_seg.nii.gz",
        }
        for name, of in (("A", "A"), ("B", "B"), ("C", "B"))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "recipe.toml").write_text('[images]\nspacing_mm = [2, 2, 2]\nscale = "z_score"\n')
    call = ["prepare", str(tmp_path / "cohort.csv"), "--recipe", str(tmp_path / "recipe.toml"), "--jobs", "1"]
    call += ["--out", str(tmp_path / "ready")]
    first = CliRunner().invoke(app, call)
    assert first.exit_code == 3 and "2 samples prepared, 0 were there, 1 failed" in first.output
    assert "  C wrong_extension: C_t1.nii.gz" in first.output
    again = CliRunner().invoke(app, call)
    assert "0 samples prepared, 2 were there, 1 failed" in again.output
    sitk.WriteImage(brain(7), str(tmp_path / "B_t1.nii.gz"))
    assert "1 sample prepared, 1 were there, 1 failed" in CliRunner().invoke(app, call).output
    table = pd.read_csv(tmp_path / "ready" / "cohort.csv", dtype=str, keep_default_na=False)
    assert table[["sample_id", "idh", "t1__image", "t1__mask"]].to_numpy().tolist() == [
        ["A", "1", "A/t1.nii.gz", "A/mask.nii.gz"],
        ["B", "1", "B/t1.nii.gz", "B/mask.nii.gz"],
        ["C", "1", "", ""],
    ]
    record = json.loads((tmp_path / "ready" / "A" / "record.json").read_text())
    assert record["steps"]["spacing_mm"] == [2, 2, 2] and Path(record["sources"]["t1"]).name == "A_t1.nii.gz"


def test_the_label_that_a_batch_table_means_is_told(tmp_path: Path) -> None:
    sitk.WriteImage(brain(), str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(tumor(brain()), str(tmp_path / "m.nii.gz"))
    (tmp_path / "batch.csv").write_text("ID,Image,Mask\nA,a.nii.gz,m.nii.gz\n")
    (tmp_path / "recipe.toml").write_text('[images]\nscale = "z_score"\n')
    call = ["prepare", str(tmp_path / "batch.csv"), "--recipe", str(tmp_path / "recipe.toml"), "--jobs", "1"]
    told = CliRunner().invoke(app, [*call, "--out", str(tmp_path / "ready")])
    assert told.exit_code == 0 and "--label 1 or mask_label = 1 in a recipe." in " ".join(told.output.split())


def dice(one: sitk.Image, other: sitk.Image) -> float:
    first, second = (sitk.GetArrayViewFromImage(mask) != 0 for mask in (one, other))
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_a_brain_drawn_on_the_image_registered_to_comes_along_to_the_atlas() -> None:
    atlas = brain(8)
    t2 = sitk.Resample(atlas, atlas, sitk.TranslationTransform(3, (6.0, -4.0, 2.0)), sitk.sitkLinear, 0.0)
    region = sitk.Cast(t2 != 0, sitk.sitkUInt8)
    found = prepared({"t2": t2}, {}, region, Steps(register_to="t2", atlas="a", skull=False), atlas)
    assert dice(found.images["t2"], atlas) > 0.97 and dice(found.brain, atlas) > 0.97


def test_a_mask_moves_with_the_image_that_it_was_drawn_on() -> None:
    t2, mask = brain(2), tumor(brain(2))
    moves = {"t1": (5.0, -4.0, 3.0), "flair": (-4.0, 3.0, -2.0)}
    wide = sitk.Image(50, 50, 40, sitk.sitkUInt8)  # a grid of its own for flair, none for t1
    wide.SetOrigin((-3.0, -3.0, -3.0))
    images, own = {"t2": t2}, {"t2": mask}
    for name, grid in (("t1", t2), ("flair", wide)):
        shift = sitk.TranslationTransform(3, moves[name])
        images[name] = sitk.Resample(t2, grid, shift, sitk.sitkLinear, 0.0)
        own[name] = moved(mask, grid, shift, is_mask=True)
    for masks in (own, dict.fromkeys(images, own["flair"])):
        found = prepared(images, masks, None, Steps(register_to="t2"))
        assert {name: dice(one, mask) > 0.85 for name, one in found.masks.items()} == dict.fromkeys(masks, True)


def test_a_mask_stored_along_other_axes_or_cropped_is_put_on_its_image_first() -> None:
    image, mask = brain(3), tumor(brain(3))
    stored = [mask, sitk.DICOMOrient(mask, "RAS"), mask[10:30, 8:30, 6:26]]
    for steps in (Steps(margin_mm=2.0), Steps(scale="z_score", over="region")):
        plain, *others = (prepared({"t1": image}, {"t1": one}, None, steps) for one in stored)
        for found in others:
            for one, other in ((found.images, plain.images), (found.masks, plain.masks)):
                assert one["t1"].GetOrigin() == other["t1"].GetOrigin()
                np.testing.assert_array_equal(*(sitk.GetArrayViewFromImage(of["t1"]) for of in (one, other)))


def test_a_mask_that_lies_on_no_image_of_its_sample_is_refused() -> None:
    image, mask = brain(3), tumor(brain(3))
    mask.SetOrigin((0.5, 3.0, 2.0))
    for steps in (Steps(spacing_mm=(1.0, 1.0, 1.0)), Steps(register_to="t2"), Steps(scale="z_score")):
        with pytest.raises(ImageError, match="t1: the mask does not lie on its image, nor on another") as caught:
            prepared({"t1": image, "t2": brain(4)}, {"t1": mask}, None, steps)
        assert caught.value.code == "geometry_mismatch"
    with pytest.raises(ImageError, match="brain_mask: the mask does not lie on its image"):
        prepared({"t1": image}, {}, mask, Steps(skull=False))


def test_files_of_other_options_do_not_stay_beside_those_of_now(tmp_path: Path) -> None:
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in ("t1", "t2", "mask", "other")}
    for seed, name in enumerate(("t1", "t2")):
        sitk.WriteImage(brain(seed), paths[name])
    sitk.WriteImage(tumor(brain()), paths["mask"])
    sitk.WriteImage(tumor(brain())[:, :, :] * 2, paths["other"])
    images, own = {name: paths[name] for name in ("t1", "t2")}, {"t1": paths["mask"], "t2": paths["other"]}
    sample = SampleFiles("A", images, own, paths["mask"])
    make_sample_ready(tmp_path / "out", sample, Steps(register_to="t2"))
    (tmp_path / "out" / "A" / "notes.txt").write_text("mine")
    one = replace(sample, masks=dict.fromkeys(images, paths["mask"]), brain="")
    make_sample_ready(tmp_path / "out", one, Steps(scale="z_score"))
    there = sorted(path.name for path in (tmp_path / "out" / "A").iterdir())
    assert there == ["mask.nii.gz", "notes.txt", "record.json", "t1.nii.gz", "t2.nii.gz"]
