"""Encoders of tumor crops as scikit-learn estimators: features whose training rows were not learned by heart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from radiofuse.deep.encoder_cache import LOGIT, EncoderCache, EncoderSpec, feature_names, pixels_digest, short_name
from radiofuse.deep.estimators.alignment import fit_alignment
from radiofuse.deep.training.loop import Training
from radiofuse.deep.training.plan import crossfit_folds
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import CohortError, RequestError
from radiofuse.estimators import Folding, Seed
from radiofuse.imaging import Crops
from radiofuse.patients.routing import TakesGroups, refuse_misaligned
from radiofuse.tables import columns

_LARGEST_SEED = np.iinfo(np.int32).max
_SHARED_CONSTRAINTS: dict = {
    "encoder": [str],
    "crops": [Crops, str, PathLike, None],
    "cache": [str, PathLike, None],
    "training": [Mapping, None],
    "device": [str],
    "random_state": ["random_state"],
}


class _OfOneModality(TakesGroups):
    """What is known from the columns that a fit has seen, and where weights and crops lie."""

    @property
    def modality(self) -> str:
        """The modality whose crops were learned from."""
        return columns.split(_crop_column(self.feature_names_in_))[0]

    def portable(self, folder: Path) -> Self:
        """Return a copy whose weights lie in ``folder`` and that knows of no crops and no cache.

        Parameters
        ----------
        folder : Path
            Made if there are weights to put there; the copy names it by its last part alone.

        Returns
        -------
        estimator
            Without the inner encoders, which are of use to the training rows alone.
        """
        copied = copy(self).set_params(crops=None, cache=None)
        if hasattr(self, "encoder_"):
            copied.encoder_ = replace(self.encoder_.copied_to(folder), folder=Path(folder.name))
        if hasattr(self, "inner_encoders_"):
            copied.inner_encoders_ = []
        return copied

    def attached(
        self, *, weights: Path | None = None, crops: Crops | None = None, cache: str | Path | None = None
    ) -> Self:
        """Return a copy that finds things where they lie now; what is left out stays as it is.

        Parameters
        ----------
        weights : Path, optional
            Folder of the trained encoder.
        crops : Crops, optional
            Of the rows to answer for.
        cache : path, optional
            Folder of the feature store that keeps their embeddings.
        """
        places = {name: place for name, place in (("crops", crops), ("cache", cache)) if place is not None}
        copied = copy(self).set_params(**places)
        if weights is not None and hasattr(self, "encoder_"):
            copied.encoder_ = replace(self.encoder_, folder=weights)
        return copied

    def training_ids(self) -> frozenset[str]:
        """Return the samples that the encoder was trained on; none before ``fit``."""
        return self.encoder_.training_ids if hasattr(self, "encoder_") else frozenset()

    def rows_seen(self, crops: Crops) -> dict[int, str]:
        """Return the rows of this modality that the encoder was trained on, as ``rows_seen``; none before ``fit``."""
        if not hasattr(self, "encoder_"):
            return {}
        own = [row for row, modality in enumerate(crops.modalities) if modality == self.modality]
        return rows_seen(self.encoder_, crops, own)

    def version_warning(self) -> str:
        """Return a sentence if the encoder has another version here than when it was trained, else nothing."""
        return self.encoder_.version_warning() if hasattr(self, "encoder_") else ""


class CropEncoder(_OfOneModality, TransformerMixin, BaseEstimator):
    """Features of tumor crops by an encoder that is trained on the training rows.

    An encoder has seen the labels of the rows it was trained on, so what it says of them is better than what
    it will say of others; a selector or classifier that learns from such features trusts them too much.
    With ``protocol="crossfit"``, ``fit_transform`` gives each training row the answer of an encoder trained
    without its patient, and ``transform`` gives new rows that of the encoder trained on all training rows.

    Parameters
    ----------
    encoder : str, default="san10_small"
        A key of ``ENCODERS`` or ``package.module:Class``.
    crops : Crops or path
        Where the crops lie; a row's pointer is its row number there.
    cache : path
        Folder of the feature store that keeps trained encoders and embeddings.
    protocol : {"crossfit", "as_published"}, default="crossfit"
        "as_published" gives training rows the features of the encoder that was trained on them.
    output : {"embedding", "logit"}, default="embedding"
        All axes, or the encoder's own answer as one column: z_1 - z_0. Axes of encoders trained apart do not
        agree; those of the cross-fitted ones are rotated to those of the encoder that new rows get.
    cv : int or splitter, default=5
        Folds of the cross-fit; an int means stratified folds of whole patients.
    training : mapping, optional
        Options of ``Training``, such as epochs; those left out are as published.
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
        **_SHARED_CONSTRAINTS,
        "protocol": [StrOptions({"crossfit", "as_published"})],
        "output": [StrOptions({"embedding", "logit"})],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split", "get_n_splits"])],
    }

    def __init__(
        self,
        encoder: str = "san10_small",
        *,
        crops: Crops | str | Path | None = None,
        cache: str | Path | None = None,
        protocol: str = "crossfit",
        output: str = "embedding",
        cv: Folding = 5,
        training: Mapping[str, Any] | None = None,
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
        self.device = device
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
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
            Labels, 0 or 1.
        groups : array-like of shape (n_samples,), optional
            The patient of each row. Default: each sample is one.

        Returns
        -------
        self

        Raises
        ------
        CohortError
            If the rows that have a crop hold one class only.
        RequestError
            If the columns, the labels or an option are not as described.
        """
        validate_data(self, _check_table(X), skip_check_array=True)
        bench = _Workbench.of(self)
        self.encoder_ = bench.train(_labeled_rows(bench, X, y, groups))
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
        validate_data(self, _check_table(X), skip_check_array=True)
        bench = _Workbench.of(self)
        rows = _labeled_rows(bench, X, y, groups)
        folds = crossfit_folds(self.cv, rows.y, rows.groups, bench.seed) if self.protocol == "crossfit" else []
        self.encoder_ = bench.train(rows)
        self.inner_encoders_ = [bench.train(rows.take(train)) for train, _ in folds]
        answers = bench.answers(self.encoder_, rows.pointers) if self._needs_in_sample() else None
        if self.protocol == "crossfit":
            answers = self._out_of_fold(bench, rows, folds, answers)
        else:
            self.alignments_ = []
        return self._table(X, rows.places, answers)

    def _needs_in_sample(self) -> bool:
        return self.protocol == "as_published" or self.output == "embedding"

    def _out_of_fold(
        self, bench: _Workbench, rows: _Rows, folds: list[tuple], in_sample: np.ndarray | None
    ) -> np.ndarray:
        """Return what the encoders that did not see a row's patient say of it, shape (n_rows, d + 1)."""
        self.alignments_, answers = [], np.empty((len(rows.pointers), self.encoder_.card["embedding_dim"] + 1))
        for trained, (train, test) in zip(self.inner_encoders_, folds, strict=True):
            _refuse_seen(trained, bench.crops, rows.pointers[test])
            answers[test] = bench.answers(trained, rows.pointers[test])
            if in_sample is not None:
                shown = bench.answers(trained, rows.pointers[train])
                self.alignments_.append(fit_alignment(shown[:, :-1], in_sample[train, :-1]))
                answers[test, :-1] = self.alignments_[-1].apply(answers[test, :-1])
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
        validate_data(self, _check_table(X), reset=False, skip_check_array=True)
        bench = _Workbench.of(self)
        pointers, places = _pointers(bench.crops, X)
        _refuse_seen(self.encoder_, bench.crops, pointers)
        return self._table(X, places, bench.answers(self.encoder_, pointers))

    def _table(self, X: pd.DataFrame, places: np.ndarray, answers: np.ndarray) -> pd.DataFrame:
        """Return the other columns of ``X`` and, behind them, the answers at the places that have one."""
        names = self.get_feature_names_out()
        others = X.drop(columns=_crop_column(X)).to_numpy(dtype=np.float64)
        table = np.full((len(X), len(names)), np.nan)
        table[:, : others.shape[1]] = others
        table[places, others.shape[1] :] = answers[:, :-1] if self.output == "embedding" else answers[:, -1:]
        return pd.DataFrame(table, index=X.index, columns=names)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the other columns of the modality, then ``<modality>__<encoder>_0001`` and so on.

        Parameters
        ----------
        input_features : None
            Not used: the names are those that were seen in ``fit``.
        """
        check_is_fitted(self, "encoder_")
        crop = _crop_column(self.feature_names_in_)
        deep = [f"{short_name(self.encoder)}_{LOGIT}"]
        if self.output == "embedding":
            deep = feature_names(self.encoder, self.encoder_.card["embedding_dim"])
        others = [name for name in self.feature_names_in_ if name != crop]
        return np.array([*others, *(columns.join(self.modality, name) for name in deep)], dtype=object)


class CropClassifier(_OfOneModality, ClassifierMixin, BaseEstimator):
    """An encoder of tumor crops as a classifier by itself: the network's own answer.

    Parameters
    ----------
    encoder, crops, cache, training, device, random_state
        As for ``CropEncoder``.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    encoder_ : TrainedEncoder
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> CropClassifier("san10_small", crops="crops.npy", cache="feature_store").device
    'auto'
    """

    _parameter_constraints: dict = dict(_SHARED_CONSTRAINTS)

    def __init__(
        self,
        encoder: str = "san10_small",
        *,
        crops: Crops | str | Path | None = None,
        cache: str | Path | None = None,
        training: Mapping[str, Any] | None = None,
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.encoder = encoder
        self.crops = crops
        self.cache = cache
        self.training = training
        self.device = device
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the encoder on the rows that have a crop.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            One column ``<modality>__crop``, NaN where there is no crop; no other column is looked at.
        y : array-like of shape (n_samples,)
            Two classes.
        groups : array-like of shape (n_samples,), optional
            The patient of each row. Default: each sample is one.

        Returns
        -------
        self

        Raises
        ------
        CohortError
            If the rows that have a crop hold one class only.
        RequestError
            If the columns, the labels or an option are not as described.
        """
        validate_data(self, _check_table(X), skip_check_array=True)
        refuse_misaligned(X, y=y, groups=groups)
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) != 2:
            raise RequestError(f"Two classes were expected, y holds {self.classes_.tolist()}. Check the labels.")
        bench = _Workbench.of(self)
        self.encoder_ = bench.train(_labeled_rows(bench, X, labels, groups))
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the probability of both classes, softmax of the network's logits; NaN without a crop.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            New rows.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.

        Raises
        ------
        CohortError
            If the encoder was trained on one of the rows.
        """
        check_is_fitted(self, "encoder_")
        validate_data(self, _check_table(X), reset=False, skip_check_array=True)
        bench = _Workbench.of(self)
        pointers, places = _pointers(bench.crops, X)
        _refuse_seen(self.encoder_, bench.crops, pointers)
        probability = np.full((len(X), 2), np.nan)
        logit = bench.answers(self.encoder_, pointers)[:, -1]
        probability[places] = np.column_stack([expit(-logit), expit(logit)])
        return probability

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the more probable class.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            New rows, each with a crop.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        CohortError
            As for ``predict_proba``, and if a row has no crop.
        """
        probability = self.predict_proba(X)[:, 1]
        absent = X.index[np.isnan(probability)]
        if len(absent):
            problems = [f"Sample {label} has no crop to classify; leave it out." for label in absent]
            raise CohortError("The table", problems)
        return self.classes_[(probability >= 0.5).astype(int)]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Training rows that have a crop, in the order of their sample ids."""

    pointers: np.ndarray  # rows of the crop file
    places: np.ndarray  # positions in the table
    y: np.ndarray
    groups: np.ndarray

    def take(self, chosen: np.ndarray) -> _Rows:
        return _Rows(self.pointers[chosen], self.places[chosen], self.y[chosen], self.groups[chosen])


@dataclass(frozen=True)
class _Workbench:
    """What an estimator works with: its crops, its cache, its options and one seed."""

    crops: Crops
    cache: EncoderCache
    spec: EncoderSpec
    seed: int

    @classmethod
    def of(cls, estimator: Any) -> _Workbench:
        for name in ("crops", "cache"):
            if getattr(estimator, name) is None:
                what = {"crops": "a crop file", "cache": "the folder of a feature store, where encoders are kept"}[name]
                raise RequestError(f"{type(estimator).__name__} has {name}=None; pass {what}.")
        crops = estimator.crops if isinstance(estimator.crops, Crops) else Crops.open(estimator.crops)
        spec = EncoderSpec(estimator.encoder, Training.from_options(estimator.training or {}), estimator.device)
        return cls(crops, EncoderCache(estimator.cache), spec, _seed(estimator.random_state))

    def train(self, rows: _Rows) -> TrainedEncoder:
        return self.cache.encoder(self.spec, self.crops, rows.pointers, rows.y, rows.groups, self.seed)

    def answers(self, trained: TrainedEncoder, pointers: np.ndarray) -> np.ndarray:
        return self.cache.embeddings(trained, self.crops, pointers, device=self.spec.device)


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(_LARGEST_SEED))


def _check_table(X: Any) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        raise RequestError(
            f"Crops are found by the column <modality>{columns.SEPARATOR}{columns.CROP} of a table, and X is a "
            f"{type(X).__name__}. Pass a DataFrame, with Crops.pointer_table() among its columns."
        )
    _crop_column(X)
    return X


def _crop_column(names: Any) -> str:
    found = [name for name in names if (columns.split(str(name)) or ("", ""))[1] == columns.CROP]
    if len(found) != 1:
        raise RequestError(
            f"One column <modality>{columns.SEPARATOR}{columns.CROP} was expected and there are {len(found)} of them "
            f"({', '.join(found) or 'none'}). Fit one encoder per modality; Crops.pointer_table() has the columns."
        )
    return found[0]


def _pointers(crops: Crops, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the crop file, and the positions in ``X`` of the rows that have one."""
    column = _crop_column(X)
    values = X[column].to_numpy(dtype=np.float64)
    places = np.flatnonzero(~np.isnan(values))
    known = values[places]
    wrong = known[(known < 0) | (known >= len(crops.keys)) | (known != np.floor(known))]
    if len(wrong):
        raise RequestError(
            f"Column {column} holds {wrong[0]:.15g}; row numbers of {crops.path.name} from 0 to {len(crops.keys) - 1} "
            "were expected. Take pointer_table() of this crop file, and let no scaler or imputer come before."
        )
    _refuse_foreign(crops, X.index[places], column, known.astype(int))
    return known.astype(int), places


def _refuse_foreign(crops: Crops, labels: pd.Index, column: str, rows: np.ndarray) -> None:
    """Raise if pointers lead to another modality, or to another sample than the label that the file knows."""
    modality, known = columns.split(column)[0], set(crops.sample_ids)
    for label, row in zip(labels, rows, strict=True):
        if crops.modalities[row] != modality or (label in known and crops.sample_ids[row] != label):
            raise RequestError(
                f"Row {label} of column {column} points at the crop of sample {crops.sample_ids[row]} "
                f"({crops.modalities[row]}) in {crops.path.name}. The pointers belong to another crop file: take "
                "pointer_table() of this one."
            )


def _labeled_rows(bench: _Workbench, X: pd.DataFrame, y: Any, groups: Any) -> _Rows:
    refuse_misaligned(X, y=y, groups=groups)
    check_consistent_length(X, y, groups)
    pointers, places = _pointers(bench.crops, X)
    labels = np.asarray(y)[places]
    wrong = labels[~np.isin(labels, (0, 1))]
    if len(wrong):
        raise RequestError(f"Labels 0 and 1 were expected, y holds {wrong[0]}. Code the classes as 0 and 1.")
    ids = np.array([bench.crops.sample_ids[row] for row in pointers], dtype=object).astype(str)
    patients = ids if groups is None else np.asarray(groups, dtype=object)[places].astype(str)
    rows = _Rows(pointers, places, labels.astype(int), patients)
    return rows.take(np.argsort(ids, kind="stable"))


def _refuse_seen(trained: TrainedEncoder, crops: Crops, pointers: np.ndarray) -> None:
    seen = rows_seen(trained, crops, pointers)
    if seen:
        raise CohortError("The table to encode", list(seen.values()))


def rows_seen(trained: TrainedEncoder, crops: Crops, rows: Iterable[int]) -> dict[int, str]:
    """Return the rows that an encoder was trained on, by their sample, files or pixels, with a sentence each.

    A file that was compressed anew has other bytes and the same pixels.

    Parameters
    ----------
    trained : TrainedEncoder
    crops : Crops
    rows : iterable of int
        Rows of ``crops``.
    """
    ids, keys, found = trained.training_ids, trained.training_keys, {}
    for row in rows:
        name = f"Sample {crops.sample_ids[row]} ({crops.modalities[row]})"
        if crops.sample_ids[row] in ids:
            found[row] = (
                f"{name} is one that the encoder was trained on, so its features would be fitted to its label. "
                "Ask about other samples; another patient of that name needs another sample_id."
            )
        elif crops.keys[row] in keys or _row_digest(crops, row) in trained.training_pixels:
            found[row] = (
                f"{name} has the image and mask of another sample, which the encoder was trained on. Give both "
                "samples one patient_id, or leave one of them out."
            )
    return found


def _row_digest(crops: Crops, row: int) -> str:
    count = int(crops.counts([row])[0])
    return pixels_digest(crops.images([row])[0, :count], crops.masks([row])[0, :count])
