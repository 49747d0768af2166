"""Largest pieces of a scattered tumor, and classes and labels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from radiofuse.deep.segmentation.classes import classes_of, labels_from, region_labels  # noqa: E402
from radiofuse.deep.segmentation.components import without_scatter  # noqa: E402
from radiofuse.errors import ImageError  # noqa: E402
from radiofuse.imaging.regions import NEW, OLD  # noqa: E402


def cubes(*sides: int) -> np.ndarray:
    """Return cubes of these sides along a line, each of a class of its own, far from each other."""
    classes = np.zeros((8, 8, 30 * len(sides)), np.uint8)
    for number, side in enumerate(sides):
        classes[:side, :side, 30 * number : 30 * number + side] = number % 3 + 1
    classes[7, 7, -1] = 1  # so that the bounding box is all
    return classes


def test_as_few_of_the_largest_pieces_stay_as_make_half_of_the_volume():
    kept = without_scatter(cubes(3, 4, 3))  # 64 of 119: the largest one alone has half
    assert set(np.unique(kept)) == {0, 2} and (kept != 0).sum() == 64
    kept = without_scatter(cubes(3, 3, 3))  # 27 of 82: two have less than half together with nothing else
    assert sorted(np.unique(kept, return_counts=True)[1][1:]) == [27, 27]


def test_a_compact_tumor_keeps_its_small_pieces():
    compact = np.zeros((8, 8, 8), np.uint8)
    compact[:4, :4, :4] = 2
    compact[7, 7, 7] = 1  # 65 of 512 voxels: more than a tenth
    assert without_scatter(compact) is compact


@pytest.mark.parametrize("classes", [np.zeros((4, 4, 4), np.uint8), np.ones((4, 4, 4), np.uint8)])
def test_nothing_and_everything_stay(classes):
    assert (without_scatter(classes) == classes).all()


@pytest.mark.parametrize("coding", [OLD, NEW])
def test_labels_and_classes_are_each_others_inverse(coding):
    mask = np.array([0, *coding.values()], np.uint8).repeat(3).reshape(4, 3)
    assert (labels_from(classes_of(mask, coding), coding) == mask).all()
    assert classes_of(mask, coding).max() == 3


def test_labels_of_something_else_are_refused_by_name():
    with pytest.raises(ImageError, match=r"holds the labels \[3, 7\]; NCR=1 ED=2 ET=4 and 0 were expected"):
        classes_of(np.array([0, 1, 3, 7]), OLD)


def test_regions_are_those_of_brats():
    assert region_labels(OLD) == {"WT": [1, 2, 4], "TC": [1, 4], "ET": [4]}
