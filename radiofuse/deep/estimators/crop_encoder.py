"""Features of tumor crops by encoders that are trained without the patients they answer for."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse.deep.encoders.by_name import feature_names, short_name
from radiofuse.deep.estimators.alignment import fit_alignment
from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.estimators.pointers import check_table, crop_column
from radiofuse.deep.estimators.workbench import LabeledRows, Workbench, labeled_rows
from radiofuse.deep.seen_rows import refuse_seen
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
    crops : Crops, Pictures or path
        Where the pictures lie: tumor crops of one file, or arrays; a row's pointer is its row number there.
    cache : path
        Folder of the feature store that keeps trained encoders and embeddings.
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
    aggregate : {"mean_logit", "mean_probability", "vote"}, default="mean_logit"
        How the network's answers to a row's pictures become one; the embedding is their mean.
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
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    CropClassifier : The network's own answer as a classifier.

    Notes
    -----
    The alignment is learned on the inner encoder's own training rows, which both encoders were trained on.

    Examples
    --------
    >>> encoder = CropEncoder("san10_small", crops="crops.npy", cache="feature_store", training={"epochs": 5})
    >>> encoder.get_params()["protocol"]
    'crossfit'
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
        protocol: Literal["crossfit", "as_published"] = "crossfit",
        output: Literal["embedding", "logit"] = "embedding",
        cv: Folding = 5,
        training: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        intensities: Literal["z_score", "min_max", "nyul"] = "z_score",
        over: Literal["tumor", "image"] = "tumor",
        aggregate: Literal["mean_logit", "mean_probability", "vote"] = "mean_logit",
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.encoder = encoder
        self.crops = crops
        self.cache = cache
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

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the encoder that new rows will get.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            One column ``<modality>__crop``, NaN where there is no crop; others are passed through.
        y : array-like of shape (n_samples,)
            Labels, 0 or 1, of more classes 0 to K - 1.
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
        validate_data(self, check_table(X), skip_check_array=True)
        bench = Workbench.of(self)
        self.encoder_ = self._trained(bench, labeled_rows(bench, X, y, groups))
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
            Indexed as ``X``; NaN where a row has no crop.

        Raises
        ------
        CohortError
            As for ``fit``; if a class has fewer patients than ``cv``; if two patients have the same crop.
        RequestError
            As for ``fit``.
        """
        validate_data(self, check_table(X), skip_check_array=True)
        bench = Workbench.of(self)
        rows = labeled_rows(bench, X, y, groups)
        # what no label entered may be asked about anybody
        crossfit = self.protocol == "crossfit" and not bench.spec.frozen
        folds = crossfit_folds(self.cv, rows.y, rows.groups, bench.seed) if crossfit else []
        self.encoder_ = self._trained(bench, rows)
        self.inner_encoders_ = [bench.train(rows.take(train)) for train, _ in folds]
        answers = bench.answers(self.encoder_, rows.pointers) if self._needs_in_sample() else None
        if crossfit:
            answers = self._out_of_fold(bench, rows, folds, answers)
        else:
            self.alignments_ = []
        return self._table(X, rows.places, answers)

    def _trained(self, bench: Workbench, rows: LabeledRows) -> TrainedEncoder:
        return bench.train_answering(rows) if self.output == "logit" else bench.train(rows)

    def _needs_in_sample(self) -> bool:
        return self.protocol == "as_published" or self.output == "embedding" or self.encoder_.frozen

    def _out_of_fold(
        self, bench: Workbench, rows: LabeledRows, folds: list[tuple], in_sample: np.ndarray | None
    ) -> np.ndarray:
        """Return what the encoders that did not see a row's patient say of it, as `Workbench.answers` does."""
        n_axes, n_logits = self.encoder_.card["embedding_dim"], len(self.encoder_.logit_names)
        self.alignments_, answers = [], np.empty((len(rows.pointers), n_axes + n_logits))
        for trained, (train, test) in zip(self.inner_encoders_, folds, strict=True):
            refuse_seen(trained, bench.crops, rows.pointers[test])
            answers[test] = bench.answers(trained, rows.pointers[test])
            if in_sample is not None:
                shown = bench.answers(trained, rows.pointers[train])
                self.alignments_.append(fit_alignment(shown[:, :n_axes], in_sample[train, :n_axes]))
                answers[test, :n_axes] = self.alignments_[-1].apply(answers[test, :n_axes])
        return answers

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the features of new rows.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            As for ``fit``.

        Returns
        -------
        DataFrame of shape (n_samples, n_features_out)

        Raises
        ------
        CohortError
            If the encoder was trained on one of the rows; ``fit_transform`` has the features of those.
        """
        check_is_fitted(self, "encoder_")
        validate_data(self, check_table(X), reset=False, skip_check_array=True)
        return self._table(X, *Workbench.of(self).answers_for_new(self.encoder_, X))

    def _table(self, X: pd.DataFrame, places: np.ndarray, answers: np.ndarray) -> pd.DataFrame:
        """Return the other columns of ``X`` and, behind them, the answers at the places that have one."""
        names = self.get_feature_names_out()
        others = X.drop(columns=crop_column(X)).to_numpy(dtype=np.float64)
        table = np.full((len(X), len(names)), np.nan)
        table[:, : others.shape[1]] = others
        n_axes = self.encoder_.card["embedding_dim"]
        table[places, others.shape[1] :] = (
            answers[:, :n_axes] if self.output == "embedding" else _own(answers[:, n_axes:])
        )
        return pd.DataFrame(table, index=X.index, columns=names)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the other columns of the modality, then ``<modality>__<encoder>_0001`` and so on.

        Parameters
        ----------
        input_features : None
            Not used: the names are those that were seen in ``fit``.
        """
        check_is_fitted(self, "encoder_")
        crop = crop_column(self.feature_names_in_)
        deep = [f"{short_name(self.encoder)}_{name}" for name in self.encoder_.logit_names]
        if self.output == "embedding":
            deep = feature_names(self.encoder, self.encoder_.card["embedding_dim"])
        others = [name for name in self.feature_names_in_ if name != crop]
        return np.array([*others, *(columns.join(self.modality, name) for name in deep)], dtype=object)


def _own(logits: np.ndarray) -> np.ndarray:
    """Return a network's own answers as features: of several logits what they tell, which no common shift changes."""
    return logits - logits.mean(axis=1, keepdims=True) if logits.shape[1] > 1 else logits
