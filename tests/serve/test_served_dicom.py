"""A dropped folder of DICOM: converted, asked for where no rule names a series, and answered without a name in it."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")

from radiofuse.imaging.dicom import convert_tree  # noqa: E402
from radiofuse.imaging.layouts.volume import MASK  # noqa: E402
from tests.dicom_files import NAME, PATIENT, Grid, Ids, contours, save, voxels_of, write_series  # noqa: E402
from tests.serve.client import files_of  # noqa: E402
from tests.serve.predicted import predicted  # noqa: E402

GRID = Grid(size=(20, 18, 8))
BOX = np.array([[4.5, 3.5], [13.5, 3.5], [13.5, 12.5], [4.5, 12.5]])


def test_a_study_is_converted_and_a_series_of_an_unknown_name_asked_for(server, client, tiny_bundle, tmp_path):
    folder, ids = tmp_path / NAME, Ids()
    write_series(folder / "a", voxels_of(GRID, 1), GRID, ids, SeriesDescription="t1 gd", SeriesNumber=4)
    drawn = [GRID.points(np.column_stack([BOX, np.full(4, k)])) for k in (2, 3, 4)]
    save([contours({"GTV": drawn}, ids.another(), ids)], folder / "rs")
    unknown = ids.another()
    write_series(folder / "b", voxels_of(GRID, 2), GRID, unknown, SeriesDescription="own <b>name</b>", SeriesNumber=5)

    upload = client.looked(files_of(folder))
    page = client.ask(upload).text
    assert "series 5, own &lt;b&gt;name&lt;/b&gt;" in page and page.count('class="asks"') == 1
    assert NAME not in page and PATIENT not in page and page.count("<img") == 2
    asked = re.search(r'class="asks">.*?name="(as\d)"', page, re.DOTALL)[1]
    job = client.post(f"{upload}/answer", **{asked: "flair"}).json["page"]
    assert client.ended(job)["state"] == "done"
    told = client.ask(f"/results/{job.rpartition('/')[2]}/answer.json").json
    assert told["outcomes"] == predicted(tiny_bundle, named_by_hand(folder, tmp_path), tmp_path)["outcomes"]
    assert server.uploads() == []


def named_by_hand(folder, place):
    """Return the folder that a user of ``cohort make --layout dicom`` would make of the study for ``predict``."""
    rules = place / "rules.csv"
    rules.write_text("name,series_number\nflair,5\n")
    (place / "by_hand").mkdir()
    for volume in convert_tree(folder, place / "nifti", sequences=rules).volumes:
        what = "seg" if volume.role == MASK else volume.modality
        shutil.copy(volume.path, place / "by_hand" / f"{what}.nii.gz")
    return place / "by_hand"
