"""Intensities measured on training pictures: against numpy, in memory and behind files, for each channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from radiofuse.deep.scaling import Linear, fit_scaling, scaled, scaling_from  # noqa: E402
from radiofuse.errors import CohortError, ImageError, RequestError  # noqa: E402
from radiofuse.store.picture_reader import PictureReader  # noqa: E402

COUNTS = np.array([1, 3, 2])
NAMED = "Picture 1 of row 1 holds NaN"  # the third of all


@pytest.fixture
def pictures() -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.gamma(3, [[100.0], [7.0]], size=(6, 2, 64)).reshape(6, 2, 8, 8).astype(np.float32)
    values[:, :, 0] = 0  # outside the head
    return values


@pytest.fixture
def tumors(pictures: np.ndarray) -> np.ndarray:
    return (np.random.default_rng(1).random((6, 8, 8)) < 0.4).astype(np.uint8)


def on_disk(folder: Path, name: str, values: np.ndarray) -> PictureReader:
    """Return a reader of one file per row."""
    parts = np.split(values, np.cumsum(COUNTS)[:-1])
    files = [folder / f"{name}{row}.npy" for row in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        np.save(file, part)
    return PictureReader(files, [part.shape for part in parts])


def test_a_z_score_is_that_of_the_tumors_pixels_of_each_channel(pictures: np.ndarray, tumors: np.ndarray) -> None:
    scaling = fit_scaling("z_score", pictures, tumors, COUNTS)
    for channel in (0, 1):
        inside = pictures[:, channel][tumors == 1].astype(float)
        assert scaling.shift[channel] == pytest.approx(inside.mean(), rel=1e-12)
        assert scaling.factor[channel] == pytest.approx(inside.std(), rel=1e-12)
    found = scaled(pictures, COUNTS, scaling)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 1], (pictures[:, 1] - scaling.shift[1]) / scaling.factor[1], atol=1e-5)


def test_pixels_outside_the_tumor_move_no_z_score(pictures: np.ndarray, tumors: np.ndarray) -> None:
    before = fit_scaling("z_score", pictures, tumors, COUNTS)
    pictures[np.broadcast_to(tumors[:, None] == 0, pictures.shape)] = 1e6
    assert fit_scaling("z_score", pictures, tumors, COUNTS) == before


@pytest.mark.parametrize("masks", ["asked for the image", "without masks"])
def test_over_the_image_are_the_pixels_that_are_not_0(pictures: np.ndarray, tumors: np.ndarray, masks: str) -> None:
    over, given = ("image", tumors) if masks == "asked for the image" else ("tumor", None)
    scaling = fit_scaling("z_score", pictures, given, COUNTS, over=over)
    assert scaling.shift[0] == pytest.approx(pictures[:, 0, 1:].mean(dtype=float), rel=1e-12)


def test_a_range_is_fitted_on_training_pictures_and_another_patient_moves_nothing(pictures: np.ndarray) -> None:
    scaling = fit_scaling("min_max", pictures[:4], None, COUNTS[:2], over="image")
    trained = scaled(pictures[:4], COUNTS[:2], scaling)
    shown = pictures[:4] != 0
    for channel in (0, 1):
        inside = trained[:, channel][shown[:, channel]]
        assert (inside.min(), inside.max()) == pytest.approx((0, 1), abs=1e-6)
    other = pictures[4:] * 3
    assert scaled(other, COUNTS[2:], scaling).max() > 1  # it is not fitted to
    assert fit_scaling("min_max", pictures[:4], None, COUNTS[:2], over="image") == scaling


def test_landmarks_bring_scanners_of_other_units_together(pictures: np.ndarray) -> None:
    patients = [pictures[0:1], pictures[1:4] * 40 + 5 * (pictures[1:4] != 0), pictures[4:6] * 0.1]
    values = np.concatenate(patients)
    scaling = fit_scaling("nyul", values, None, COUNTS)
    found = scaled(values, COUNTS, scaling)
    assert (found[values == 0] == 0).all()
    means = [row[row != 0].mean() for row in np.split(found[:, 0], np.cumsum(COUNTS)[:-1])]
    before = [row[row != 0].mean() for row in np.split(values[:, 0], np.cumsum(COUNTS)[:-1])]
    assert np.ptp(means) < 0.1 and max(before) > 100 * min(before)
    percentiles = np.percentile(found[1:4, 0][found[1:4, 0] != 0].astype(float), [1, 50, 99])
    wanted = [scaling.standard[0][place] for place in (0, 5, 10)]
    np.testing.assert_allclose(percentiles, wanted, atol=0.02)


def test_landmarks_are_monotone_and_reach_beyond_the_outer_percentiles() -> None:
    values = np.arange(1, 1001, dtype=np.float32).reshape(1, 1, 20, 50)
    scaling = fit_scaling("nyul", values, None, np.array([1]))
    found = scaled(values, np.array([1]), scaling).ravel()
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose([found[0], found[-1]], [-0.01, 1.01], atol=0.002)


@pytest.mark.parametrize("method", ["z_score", "min_max", "nyul"])
def test_pictures_behind_files_are_scaled_as_those_in_memory(
    tmp_path: Path, pictures: np.ndarray, tumors: np.ndarray, method: str
) -> None:
    files = on_disk(tmp_path, "image", pictures), on_disk(tmp_path, "mask", tumors)
    scaling = fit_scaling(method, *files, COUNTS)
    in_memory = fit_scaling(method, pictures, tumors, COUNTS)
    places = np.array([5, 0, 3])
    np.testing.assert_allclose(
        scaled(files[0], COUNTS, scaling)[places], scaled(pictures, COUNTS, in_memory)[places], rtol=1e-5, atol=1e-6
    )
    again = scaling_from(scaling.to_json())
    assert again == scaling


def test_one_channel_is_kept_on_a_card_as_ever() -> None:
    assert scaling_from([2.0, 4.0]).to_json() == [2.0, 4.0]
    assert Linear((1.0, 2.0), (1.0, 1.0)).to_json()["method"] == "z_score"


def test_equal_pixels_are_not_divided_by_zero() -> None:
    ones = np.full((1, 1, 8, 8), 7, dtype=np.float32)
    assert fit_scaling("z_score", ones, None, np.array([1])) == Linear((7.0,), (1.0,))


def test_what_cannot_be_measured_is_one_sentence(pictures: np.ndarray, tumors: np.ndarray) -> None:
    with pytest.raises(CohortError, match="No pixel is tumor"):
        fit_scaling("z_score", pictures, tumors * 0, COUNTS)
    with pytest.raises(CohortError, match="of one intensity"):
        fit_scaling("nyul", pictures * 0, None, COUNTS)
    with pytest.raises(RequestError, match="intensities is 'zscore'"):
        fit_scaling("zscore", pictures, tumors, COUNTS)
    nyul = fit_scaling("nyul", pictures, None, COUNTS)
    pictures[2, 1, 3, 3] = np.nan
    for method in ("z_score", "min_max", "nyul"):
        with pytest.raises(ImageError, match=NAMED):
            fit_scaling(method, pictures, tumors, COUNTS)
    with pytest.raises(ImageError, match=NAMED):  # of a new patient
        scaled(pictures, COUNTS, nyul)
