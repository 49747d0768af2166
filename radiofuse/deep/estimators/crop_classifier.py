"""An encoder of tumor crops as a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.validation import check_is_fitted

from radiofuse.deep.aggregation import Aggregate
from radiofuse.deep.estimators.answering import AnsweringNetwork
from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.estimators.opening import open_to_answer, open_to_fit
from radiofuse.deep.estimators.workbench import labeled_rows
from radiofuse.estimators import Seed
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.store.picture_rows import PictureRows


class CropClassifier(CropEstimator, AnsweringNetwork, BaseEstimator):
    """An encoder of tumor crops as a classifier by itself: the network's own answer.

    Parameters
    ----------
    encoder, crops, cache, picture_shape, training, options, intensities, over, aggregate, device, random_state
        As for ``CropEncoder``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    encoder_ : TrainedEncoder
    picture_shape_, smallest_
        As for ``CropEncoder``.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    CropEncoder : The network's embedding as features.

    Examples
    --------
    >>> CropClassifier("san10_small", crops="crops.npy", cache="feature_store").device
    'auto'

    Pictures that lie in memory:

    >>> X, y = np.random.default_rng(0).normal(size=(12, 12, 12)), np.array(["no", "yes"] * 6)
    >>> model = CropClassifier(training={"epochs": 1}, random_state=0).fit(X[:8], y[:8])
    >>> model.predict_proba(X[8:]).shape, model.picture_shape_
    ((4, 2), (1, 12, 12))
    """

    def __init__(
        self,
        encoder: str = "san10_small",
        *,
        crops: PictureRows | str | Path | None = None,
        cache: str | Path | None = None,
        picture_shape: Sequence[int] | None = None,
        training: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        intensities: Literal["z_score", "min_max", "nyul"] = "z_score",
        over: Literal["tumor", "image"] = "tumor",
        aggregate: Aggregate = "mean_logit",
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.encoder = encoder
        self.crops = crops
        self.cache = cache
        self.picture_shape = picture_shape
        self.training = training
        self.options = options
        self.intensities = intensities
        self.over = over
        self.aggregate = aggregate
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the encoder on the rows that have a crop.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features), or array
            One column ``<modality>__crop``, NaN where there is no crop; no other column is looked at. Without ``crops``
            the pictures, as for ``CropEncoder``.
        y : array-like of shape (n_samples,)
            Two classes or more.
        groups : array-like of shape (n_samples,), optional
            The patient of each row. Default: each sample is one.

        Returns
        -------
        self

        Raises
        ------
        CohortError
            If the rows that have a crop lack a class.
        RequestError
            If the columns, the labels or an option are not as described.
        """
        bench, table, y, groups = open_to_fit(self, X, y, groups)
        refuse_misaligned(table, y=y, groups=groups)
        self.encoder_ = bench.train_answering(labeled_rows(bench, table, self._encode(y), groups))
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the probability of each class, softmax of the network's logits; NaN without a crop.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.

        Raises
        ------
        CohortError
            If the encoder was trained on one of the rows.

        Warns
        -----
        SeenRowsWarning
            If an array holds pictures that the encoder was trained on.
        """
        check_is_fitted(self, "encoder_")
        bench, table = open_to_answer(self, X)
        places, answers = bench.answers_for_new(self.encoder_, table)
        return self._spread(len(table), places, answers)

    @property
    def _pictures(self) -> str:
        return "crop"
