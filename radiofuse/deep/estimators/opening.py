"""What an estimator is handed, opened: a table that points at pictures, or an array of the pictures themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.estimators.handed_in import HandedIn, as_pictures, padded
from radiofuse.deep.estimators.pointers import check_table, crop_columns
from radiofuse.deep.estimators.workbench import Workbench
from radiofuse.deep.training.task import EncoderSpec
from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned

_PIXELS: dict[str, Any] = {"dtype": np.float32, "allow_nd": True}


def open_to_fit(
    estimator: CropEstimator, X: Any, y: ArrayLike, groups: ArrayLike | None
) -> tuple[Workbench, pd.DataFrame, ArrayLike, ArrayLike | None]:
    """Return what an estimator works with, its rows as a table of pointers, and what goes with the rows.

    The estimator learns the columns of ``X``, or the shape of its pictures.
    """
    if estimator.crops is not None or (isinstance(X, pd.DataFrame) and crop_columns(X)):
        validate_data(estimator, check_table(X), skip_check_array=True)
        estimator.picture_shape_ = None
        return Workbench.of(estimator), X, y, groups
    refuse_misaligned(X, y=y, groups=groups)
    X, y = validate_data(estimator, X, y, ensure_min_samples=2, **_PIXELS)
    check_classification_targets(y)
    pictures = as_pictures(X, estimator.picture_shape)
    estimator.picture_shape_ = pictures.shape[1:]
    estimator.smallest_ = _smallest(Workbench.of(estimator, HandedIn(pictures)).spec)
    return *_opened(estimator, pictures), y, None if groups is None else np.asarray(groups)


def open_to_answer(estimator: CropEstimator, X: Any) -> tuple[Workbench, pd.DataFrame]:
    """Return what a fitted estimator works with, and new rows as a table of pointers."""
    if estimator.picture_shape_ is None:
        validate_data(estimator, check_table(X), reset=False, skip_check_array=True)
        return Workbench.of(estimator), X
    X = validate_data(estimator, X, reset=False, **_PIXELS)
    pictures = as_pictures(X, estimator.picture_shape)
    if pictures.shape[1:] != estimator.picture_shape_:
        raise RequestError(
            f"Pictures of shape {estimator.picture_shape_}, as in fit, were expected; these are of shape "
            f"{pictures.shape[1:]}. Bring them to one size, or fit to pictures of this one."
        )
    return _opened(estimator, pictures)


def _opened(estimator: CropEstimator, pictures: np.ndarray) -> tuple[Workbench, pd.DataFrame]:
    rows = HandedIn(padded(pictures, estimator.smallest_))
    return Workbench.of(estimator, rows), rows.pointer_table()


def _smallest(spec: EncoderSpec) -> int:
    """Return the shortest side that an encoder takes; 1 of an encoder that does not say."""
    module = make_encoder(spec.encoder, 0, 2, spec.options, with_weights=False)
    return int(getattr(getattr(module, "inner", module), "smallest", 1))
