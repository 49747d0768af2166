"""Features of tumor crops by encoders that are trained without the patients they answer for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from radiofuse.deep.aggregation import Aggregate
from radiofuse.deep.encoders.by_name import feature_names, short_name
from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.estimators.crossfit import out_of_fold
from radiofuse.deep.estimators.opening import open_to_answer, open_to_fit
from radiofuse.deep.estimators.pointers import crop_column
from radiofuse.deep.estimators.workbench import LabeledRows, Workbench, labeled_rows
from radiofuse.deep.training.plan import crossfit_folds
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.estimators import Folding, Seed
from radiofuse.store.picture_rows import PictureRows
from radiofuse.tables import columns


class CropEncoder(CropEstimator, TransformerMixin, BaseEstimator):
    """Features of tumor crops by an encoder that is trained on the training rows.

    An encoder has seen the labels of the rows it was trained on, so what it says of them is better than what
    it will say of others; a selector or classifier that learns from such features trusts them too much.
    With ``protocol="crossfit"``, ``fit_transform`` gives each training row the answer of an encoder trained
    without its patient, and ``transform`` gives new rows that of the encoder trained on all training rows.

    Parameters
    ----------
    encoder : str, default="san10_small"
        A key of ``ENCODERS`` or ``package.module:Class``.
    crops : Crops, Pictures or path, optional
        Where the pictures lie: tumor crops of one file, or arrays; a row's pointer is its row number there. Left out,
        ``X`` is an array of the pictures themselves, one a row.
    cache : path, optional
        Folder of the feature store that keeps trained encoders and embeddings. Of an array's pictures it may be left
        out: then they live with the estimator.
    picture_shape : sequence of int, optional
        What a row of a 2-D ``X`` is, (h, w), (channels, h, w) or (channels, d, h, w). Left out, one row of pixels.
        Zeros are put around pictures that are smaller than the network takes.
    protocol : {"crossfit", "as_published"}, default="crossfit"
        "as_published" gives training rows the features of the encoder that was trained on them.
    output : {"embedding", "logit"}, default="embedding"
        All axes, or the encoder's own answer as one column: z_1 - z_0; of more than two classes the logit of each
        less their mean. Axes of encoders trained apart do not agree; those of the cross-fitted ones are rotated to
        those of the encoder that new rows get.
    cv : int or splitter, default=5
        Folds of the cross-fit; an int means stratified folds of whole patients.
    training : mapping, optional
        Options of ``Training``, such as epochs; those left out are as published.
    options : mapping, optional
        The encoder's own, such as channels or width.
    intensities : {"z_score", "min_max", "nyul"}, default="z_score"
        How intensities become numbers, measured on the training rows, for each channel.
    over : {"tumor", "image"}, default="tumor"
        Which pixels z_score and min_max measure: the tumor's, or those that are not 0.
    aggregate : {"mean_logit", "mean_probability", "mean_embedding", "vote", "largest", "attention"}
        How the network's answers to a row's pictures become one, "mean_logit" as a rule. The embedding is their mean,
        with "largest" that of the picture with most tumor, with "attention" a mean by learned weights.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "mps".
    random_state : int, RandomState instance or None, default=None
        Of folds and training.

    Attributes
    ----------
    encoder_ : TrainedEncoder
        Trained on all training rows that have a crop.
    inner_encoders_ : list of TrainedEncoder
        One per fold of the cross-fit; none after ``fit`` alone or as published.
    alignments_ : list of Alignment
        From each inner encoder's axes to those of ``encoder_``; none for logits.
    picture_shape_ : tuple of int, or None
        Channels and sides of an array's pictures; None where a table pointed at pictures.
    smallest_ : int
        Of an array's pictures: the shortest side that the network takes.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    CropClassifier : The network's own answer as a classifier.

    Notes
    -----
    The alignment is learned on the inner encoder's own training rows, which both encoders were trained on.

    What a network says of rows that it was trained on is refused where a table points at pictures, and a
    ``SeenRowsWarning`` where they are handed in as an array: their pixels are all that is known of them.

    Examples
    --------
    >>> encoder = CropEncoder("san10_small", crops="crops.npy", cache="feature_store", training={"epochs": 5})
    >>> encoder.get_params()["protocol"]
    'crossfit'

    Pictures that lie in memory, here flat ones of 12 x 12 pixels:

    >>> X, y = np.random.default_rng(0).normal(size=(12, 144)), np.arange(12) % 2
    >>> encoder = CropEncoder(picture_shape=(12, 12), training={"epochs": 1}, cv=2, output="logit", random_state=0)
    >>> encoder.fit_transform(X[:8], y[:8]).shape, encoder.transform(X[8:]).shape
    ((8, 1), (4, 1))
    """

    _parameter_constraints: dict = {
        **CropEstimator._parameter_constraints,
        "protocol": [StrOptions({"crossfit", "as_published"})],
        "output": [StrOptions({"embedding", "logit"})],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split", "get_n_splits"])],
    }

    def __init__(
        self,
        encoder: str = "san10_small",
        *,
        crops: PictureRows | str | Path | None = None,
        cache: str | Path | None = None,
        picture_shape: Sequence[int] | None = None,
        protocol: Literal["crossfit", "as_published"] = "crossfit",
        output: Literal["embedding", "logit"] = "embedding",
        cv: Folding = 5,
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
        self.protocol = protocol
        self.output = output
        self.cv = cv
        self.training = training
        self.options = options
        self.intensities = intensities
        self.over = over
        self.aggregate = aggregate
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the encoder that new rows will get.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features), or array
            One column ``<modality>__crop``, NaN where there is no crop; others are passed through. Without ``crops``
            the pictures, shape (n_samples, n_pixels), (n_samples, h, w), (n_samples, channels, h, w) or
            (n_samples, channels, d, h, w).
        y : array-like of shape (n_samples,)
            Labels, 0 or 1, of more classes 0 to K - 1; of an array's pictures any.
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
        bench, _, rows = self._opened(X, y, groups)
        self.encoder_ = self._trained(bench, rows)
        self.inner_encoders_, self.alignments_ = [], []
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> np.ndarray:
        """Train the encoders and return the features to learn from.

        Parameters
        ----------
        X, y, groups
            As for ``fit``.

        Returns
        -------
        DataFrame of shape (n_samples, n_features_out)
            Indexed as ``X``; NaN where a row has no crop. Of an array's pictures an array.

        Raises
        ------
        CohortError
            As for ``fit``; if a class has fewer patients than ``cv``; if two patients have the same crop.
        RequestError
            As for ``fit``.
        """
        bench, table, rows = self._opened(X, y, groups)
        # what no label entered may be asked about anybody
        crossfit = self.protocol == "crossfit" and not bench.spec.frozen
        folds = crossfit_folds(self.cv, rows.y, rows.groups, bench.seed) if crossfit else []
        self.encoder_ = self._trained(bench, rows)
        self.inner_encoders_ = [bench.train(rows.take(train)) for train, _ in folds]
        answers = bench.answers(self.encoder_, rows.pointers) if self._needs_in_sample() else None
        self.alignments_ = []
        if crossfit:
            answers, self.alignments_ = out_of_fold(bench, rows, folds, self.inner_encoders_, answers)
        return self._features(table, rows.places, answers)

    def _opened(self, X: Any, y: ArrayLike, groups: ArrayLike | None) -> tuple[Workbench, pd.DataFrame, LabeledRows]:
        bench, table, y, groups = open_to_fit(self, X, y, groups)
        if self.picture_shape_ is not None:
            y = np.unique(y, return_inverse=True)[1]
        return bench, table, labeled_rows(bench, table, y, groups)

    def _trained(self, bench: Workbench, rows: LabeledRows) -> TrainedEncoder:
        return bench.train_answering(rows) if self.output == "logit" else bench.train(rows)

    def _needs_in_sample(self) -> bool:
        return self.protocol == "as_published" or self.output == "embedding" or self.encoder_.frozen

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the features of new rows.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            As for ``fit``.

        Returns
        -------
        DataFrame of shape (n_samples, n_features_out)
            Of an array's pictures an array.

        Raises
        ------
        CohortError
            If the encoder was trained on one of the rows; ``fit_transform`` has the features of those.

        Warns
        -----
        SeenRowsWarning
            If an array holds pictures that the encoder was trained on.
        """
        check_is_fitted(self, "encoder_")
        bench, table = open_to_answer(self, X)
        return self._features(table, *bench.answers_for_new(self.encoder_, table))

    def _features(self, X: pd.DataFrame, places: np.ndarray, answers: np.ndarray) -> pd.DataFrame | np.ndarray:
        """Return the other columns of ``X`` and, behind them, the answers at the places that have one.

        Of pictures that were handed in as an array, an array.
        """
        names = self.get_feature_names_out()
        others = X.drop(columns=crop_column(X)).to_numpy(dtype=np.float64)
        table = np.full((len(X), len(names)), np.nan)
        table[:, : others.shape[1]] = others
        n_axes = self.encoder_.card["embedding_dim"]
        table[places, others.shape[1] :] = (
            answers[:, :n_axes] if self.output == "embedding" else _own(answers[:, n_axes:])
        )
        return pd.DataFrame(table, index=X.index, columns=names) if self.picture_shape_ is None else table

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the other columns of the modality, then ``<modality>__<encoder>_0001`` and so on.

        Of an array's pictures they are called ``<encoder>_0001``.

        Parameters
        ----------
        input_features : array-like of str, optional
            The names that were seen in ``fit``, as scikit-learn may hand them; others are refused.
        """
        check_is_fitted(self, "encoder_")
        _check_feature_names_in(self, input_features, generate_names=False)
        deep = [f"{short_name(self.encoder)}_{name}" for name in self.encoder_.logit_names]
        if self.output == "embedding":
            deep = feature_names(self.encoder, self.encoder_.card["embedding_dim"])
        if self.picture_shape_ is not None:
            return np.array(deep, dtype=object)
        crop = crop_column(self.feature_names_in_)
        others = [name for name in self.feature_names_in_ if name != crop]
        return np.array([*others, *(columns.join(self.modality, name) for name in deep)], dtype=object)


def _own(logits: np.ndarray) -> np.ndarray:
    """Return a network's own answers as features: of several logits what they tell, which no common shift changes."""
    return logits - logits.mean(axis=1, keepdims=True) if logits.shape[1] > 1 else logits
