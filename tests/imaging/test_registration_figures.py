"""What a registration did is shown: tiles of both images before and after, and a page of all of them."""

from __future__ import annotations

import base64
import json
import re
import sys
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.bundle.new_rows import _refuse_other_atlas
from radiofuse.commands.cohort import app
from radiofuse.commands.cohort_prepare import steps_in
from radiofuse.errors import BundleError, RequestError
from radiofuse.extract.ready_images import make_ready
from radiofuse.imaging import file_sha256
from radiofuse.imaging.atlas import atlas_file
from radiofuse.imaging.checkerboard import GRAYS, SIDE, checkerboard
from radiofuse.imaging.ready_files import Registered
from radiofuse.imaging.registration import register
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import prepared
from radiofuse.report.registrations.page import registrations_page
from tests.accessibility import faults
from tests.imaging.heads import brain

Image = pytest.importorskip("PIL.Image", reason="a picture is looked at")
SVG = "{http://www.w3.org/2000/svg}"
TEMPLATE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def shifted(image: sitk.Image) -> sitk.Image:
    return sitk.Resample(image, sitk.TranslationTransform(3, (3.0, -2.0, 1.5)))


def colors_of(figure: str) -> np.ndarray:
    """Return the numbers of the palette in a figure's picture."""
    href = ElementTree.fromstring(figure).find(f"{SVG}image").get("href")
    return np.array(Image.open(BytesIO(base64.b64decode(href.partition(",")[2]))))


def test_tiles_fit_after_registration_and_not_before() -> None:
    fixed = brain()
    figure = prepared({"t1": shifted(fixed), "t2": fixed}, {}, None, Steps(register_to="t2")).figures["t1"]
    title = ElementTree.fromstring(figure).find(f"{SVG}title").text
    said = re.fullmatch(r"t1 on t2, rigid: mutual information (.+) before, (.+) after", title)
    before, after = map(float, said.groups())
    assert after > 2 * before > 0
    picture = colors_of(figure)
    assert picture.shape == (2 * SIDE, 3 * SIDE)
    whole = colors_of(checkerboard(fixed, fixed, fixed, ("t1", "t2"), register(fixed, fixed)))
    moved = picture >= GRAYS
    assert moved.mean() == 0.5 and (moved[:SIDE, :SIDE] == moved[SIDE:, :SIDE]).all()
    halves = [(one[:SIDE][moved[:SIDE]], one[SIDE:][moved[SIDE:]]) for one in (picture, whole)]
    fits = [np.corrcoef(shown, wanted)[0, 1] for shown, wanted in zip(*halves, strict=True)]
    assert fits[1] > 0.95 > 0.8 > fits[0], fits
    np.testing.assert_array_equal(picture[~moved], whole[~moved])  # the tiles of the fixed image


def test_the_picture_has_front_and_top_up_and_pixels_of_one_size() -> None:
    voxels = np.zeros((10, 20, 40), np.float32)  # z, y, x; 2 mm thick
    voxels[2:, 2:18, 4:36] = 1
    voxels[7:, 2:6, 4:12] = 2  # up, front, right
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.0, 1.0, 2.0))
    still = register(brain(), brain())
    pictures = colors_of(checkerboard(image, image, image, ("a", "b"), still)) % GRAYS
    axial, coronal, sagittal = (pictures[:SIDE, at * SIDE : (at + 1) * SIDE] for at in range(3))
    pixel = SIDE / 40
    assert np.flatnonzero(axial.any(axis=0))[[0, -1]] == pytest.approx([4 * pixel, 36 * pixel - 1], abs=4)
    assert np.flatnonzero(axial.any(axis=1))[[0, -1]] == pytest.approx([12 * pixel, 28 * pixel - 1], abs=4)
    assert np.flatnonzero(coronal.any(axis=1))[[0, -1]] == pytest.approx([10 * pixel, 26 * pixel - 1], abs=9)
    assert sagittal.shape == (SIDE, SIDE)


def write_cohort(folder: Path) -> list[str]:
    rows = []
    for name, seed in (("A", 1),):
        sitk.WriteImage(brain(seed), str(folder / f"{name}_t2.nii.gz"))
        sitk.WriteImage(shifted(brain(seed)), str(folder / f"{name}_t1.nii.gz"))
        images = {f"{one}__image": f"{name}_{one}.nii.gz" for one in ("t1", "t2")}
        rows.append({"sample_id": name, "patient_id": name, **images})
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text('[images]\nregister_to = "t2"\n')
    given = [str(folder / "cohort.csv"), "--recipe", str(folder / "recipe.toml"), "--out", str(folder / "ready")]
    return ["prepare", *given, "--jobs", "1"]


def test_the_command_shows_every_registration_on_one_page_and_keeps_it_on_a_second_run(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    call = write_cohort(tmp_path)
    page = tmp_path / "ready" / "registrations.html"
    first = CliRunner().invoke(app, call)
    assert first.exit_code == 0, first.output
    assert "Look at what was registered" in first.output
    text = page.read_text()
    assert not faults(text)
    assert '<img src="A/t1_registered.svg"' in text
    told = json.loads((tmp_path / "ready" / "A" / "record.json").read_text())["registration"]["t1"]
    before, after = told["mutual_information"]
    assert told["to"] == "t2" and f"t1 on t2, mutual information {before:.3f} to {after:.3f}" in text
    assert CliRunner().invoke(app, call).exit_code == 0
    assert page.read_text() == text
    page.write_text("mine")
    refused = CliRunner().invoke(app, call)
    assert refused.exit_code != 0 and page.read_text() == "mine"


def test_those_that_gained_least_come_first_and_names_are_escaped(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    gains = {"<b>": (0.1, 0.5, False), "little": (0.1, 0.2, False), "none": (0.3, 0.3, True)}
    figures = {name: str(tmp_path / f"{name} 1.svg") for name in gains} | {"none": ""}
    found = [(name, Registered("t1", "t2", *numbers, figures[name])) for name, numbers in gains.items()]
    text = registrations_page(found, tmp_path)
    places = [text.index(f"<strong>{name}</strong>") for name in ("none", "little", "&lt;b&gt;")]
    assert places == sorted(places)
    assert 'src="little%201.svg"' in text and "an earlier version" in text and "left as it came" in text


def test_mni152_is_the_template_inside_nilearn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "site" / "nilearn" / TEMPLATE
    template.parent.mkdir(parents=True)
    (tmp_path / "site" / "nilearn" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    sys.modules.pop("nilearn", None)
    with pytest.raises(RequestError, match=r"this nilearn has no mni_icbm152_t1\w+\.nii\.gz\. Install nilearn 0\.10"):
        atlas_file("mni152")
    sitk.WriteImage(brain(3), str(template))
    assert atlas_file("mni152") == str(template)

    steps = Steps(register_to="t2", atlas="mni152")
    write_cohort(tmp_path)
    rows = pd.read_csv(tmp_path / "cohort.csv", dtype=str).head(1)
    for modality in ("t1", "t2"):
        rows[f"{modality}__image"] = [str(tmp_path / rows[f"{modality}__image"].iloc[0])]
        rows[f"{modality}__mask"] = ""
    made = make_ready(rows, steps, tmp_path / "out")
    assert made.failures.empty, made.failures
    assert [(one.modality, one.to) for _, one in made.registered] == [("t1", "t2"), ("t2", "mni152")]
    assert (tmp_path / "out" / "A" / "t1_to_mni152.tfm").is_file()
    assert json.loads((tmp_path / "out" / "A" / "record.json").read_text())["sources"]["atlas"] == str(template)

    _refuse_other_atlas(steps, file_sha256(str(template)))
    with pytest.raises(BundleError, match="mni152 is not the atlas on which the model's images lie"):
        _refuse_other_atlas(steps, "0" * 64)
    monkeypatch.setitem(sys.modules, "nilearn", None)
    with pytest.raises(RequestError, match=r"which is not installed: pip install 'radiofuse\[atlas\]', or name the"):
        make_ready(rows, steps, tmp_path / "out")
    with pytest.raises(BundleError, match=r"The atlas that the model's images lie on: .*radiofuse\[atlas\]"):
        _refuse_other_atlas(steps, "0" * 64)


def test_the_file_of_an_atlas_lies_relative_to_the_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    for written, found in (("a.nii.gz", str(tmp_path / "a.nii.gz")), ("/b.nii", "/b.nii"), ("mni152", "mni152")):
        recipe.write_text(f'[images]\nregister_to = "t2"\natlas = "{written}"\n')
        assert steps_in(recipe).atlas == found
