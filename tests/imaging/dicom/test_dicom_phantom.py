"""The CT phantom of the IBSI as DICOM, against the same phantom as its authors converted it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("pydicom", reason="the extra `dicom` is not installed")

from radiofuse.extract import RadiomicsExtractor  # noqa: E402
from radiofuse.imaging import read_image, read_mask  # noqa: E402
from radiofuse.imaging.dicom import convert_tree  # noqa: E402


@pytest.fixture(scope="module")
def phantom(data_dir: Path) -> Path:
    return data_dir / "ibsi" / "ibsi_1_ct_radiomics_phantom"


@pytest.fixture(scope="module")
def converted(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    found = convert_tree(phantom / "dicom", tmp_path_factory.mktemp("phantom"))
    image, mask = found.volumes
    assert (image.role, mask.role) == ("image", "mask") and image.modality == mask.modality == "ct"
    (note,) = found.notes  # the authors cut the phantom out of a longer scan
    assert note.endswith("The numbers of its files begin late or have gaps: slices at an end may be missing.")
    return image.path, mask.path


@pytest.mark.data
def test_voxels_grid_and_contours_are_those_of_the_authors(phantom, converted):
    image, mask = read_image(converted[0]).image, read_mask(converted[1]).image
    truth = read_image(phantom / "nifti" / "image" / "phantom.nii.gz").image
    drawn = read_mask(phantom / "nifti" / "mask" / "mask.nii.gz").image
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(truth))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(drawn))
    for place in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(image, place)() == getattr(truth, place)() == getattr(mask, place)()


@pytest.mark.data
def test_features_are_those_of_the_nifti(phantom, converted):
    extractor = RadiomicsExtractor("default")
    nifti = (phantom / "nifti" / "image" / "phantom.nii.gz", phantom / "nifti" / "mask" / "mask.nii.gz")
    features, expected = extractor.extract(*converted), extractor.extract(*nifti)
    assert len(features) == 107 and features.notna().all()
    assert features.equals(expected)
