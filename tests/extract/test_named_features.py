"""What extract and extract_each return: values by name, that a CSV can be written from."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest

from radiofuse import RadiomicsExtractor
from radiofuse.errors import ImageError
from radiofuse.imaging import write_volume

SPACING = (1.0, 1.0, 2.0)
SETTINGS = {
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": ["Mean", "Maximum"], "shape": ["VoxelVolume"]},
}


@pytest.fixture(scope="module")
def voxels():
    return np.random.default_rng(3).normal(100, 9, (11, 10, 9))


@pytest.fixture(scope="module")
def mask():
    drawn = np.zeros((11, 10, 9), np.uint8)
    drawn[1:5, 2:7, 2:6], drawn[5:9, 2:7, 2:6] = 1, 4
    return drawn


@pytest.fixture(scope="module")
def extractor():
    return RadiomicsExtractor(SETTINGS)


def by_hand(values):
    return {
        "original_firstorder_Maximum": values.max(),
        "original_firstorder_Mean": values.mean(),
        "original_shape_VoxelVolume": values.size * np.prod(SPACING),
    }


def test_the_values_come_by_name_and_a_csv_of_them_is_read_back(extractor, voxels, mask):
    features = extractor.extract(voxels, mask, spacing_mm=SPACING)
    assert features[sorted(features.index)].to_dict() == pytest.approx(by_hand(voxels[mask > 0]), rel=1e-12)
    assert list(features.index) == extractor.feature_names()
    again = pd.read_csv(StringIO(features.to_csv()), index_col="feature")
    pd.testing.assert_series_equal(again[extractor.settings.name], features)
    vector = extractor.extract(voxels, mask, spacing_mm=SPACING, as_array=True)
    assert type(vector) is np.ndarray
    np.testing.assert_array_equal(vector, features)


def test_a_dict_has_the_same_values_of_the_label_that_is_named(extractor, voxels, mask):
    features = extractor.execute(voxels, mask, spacing_mm=SPACING)
    assert features == extractor.extract(voxels, mask, spacing_mm=SPACING).to_dict()
    assert {type(value) for value in features.values()} == {float}
    of_four = extractor.execute(voxels, mask, 4, spacing_mm=SPACING)
    assert of_four == pytest.approx(by_hand(voxels[mask == 4]), rel=1e-12)


def test_regions_come_as_a_row_per_label(extractor, voxels, mask):
    labels = [1, "any", [1, 4], 4]
    regions = extractor.extract_each(voxels, mask, labels, spacing_mm=SPACING)
    assert regions.index.to_list() == [1, "any", "1, 4", 4]
    for label, region in {1: mask == 1, 4: mask == 4, "any": mask > 0, "1, 4": mask > 0}.items():
        assert regions.loc[label].sort_index().to_dict() == pytest.approx(by_hand(voxels[region]), rel=1e-12)
    vectors = extractor.extract_each(voxels, mask, labels, spacing_mm=SPACING, as_array=True)
    np.testing.assert_array_equal(vectors, regions)


def test_regions_of_files_pass_the_gate_that_one_region_passes(extractor, voxels, mask, tmp_path):
    image, drawn = tmp_path / "t1.nii.gz", tmp_path / "mask.nii.gz"
    write_volume(image, np.where(mask > 0, voxels, np.nan).T, spacing_mm=SPACING)
    write_volume(drawn, mask.T, spacing_mm=SPACING)
    regions = extractor.extract_each(image, drawn, ["any", 4])  # NaN where no setting reads it
    np.testing.assert_array_equal(regions.loc["any"], extractor.extract(image, drawn))
    with pytest.raises(ImageError, match="is the image itself") as caught:
        extractor.extract_each(drawn, drawn, [1, 4])
    assert caught.value.code == "mask_is_image"


@pytest.mark.parametrize("backend", ["radiofuse", "pyradiomics"])
def test_no_labels_give_no_rows(backend, voxels, mask):
    if backend == "pyradiomics":
        pytest.importorskip("radiomics")
    extractor = RadiomicsExtractor(SETTINGS, backend=backend)
    none = extractor.extract_each(voxels, mask, [], spacing_mm=SPACING)
    assert none.shape == (0, 3)
    assert none.columns.to_list() == extractor.feature_names()
    one = extractor.extract_each(voxels, mask, [4], spacing_mm=SPACING)
    assert one.loc[4].sort_index().to_dict() == pytest.approx(by_hand(voxels[mask == 4]), rel=1e-12)
