"""Networks that fuse the pictures of several modalities, trained end to end, as a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse.deep.aggregation import Aggregate
from radiofuse.deep.estimators.answering import AnsweringNetwork
from radiofuse.deep.estimators.image_network import ImageNetwork
from radiofuse.deep.estimators.image_rows import (
    check_columns,
    known_columns,
    point,
    refuse_absent,
    refuse_seen,
)
from radiofuse.deep.estimators.pointers import crop_columns
from radiofuse.deep.estimators.workbench import LabeledRows, Workbench
from radiofuse.deep.fusion.choices import WEIGHING, Fusion
from radiofuse.deep.fusion.image_weights import weights_of_rows
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.seen_rows import rows_seen
from radiofuse.errors import RequestError
from radiofuse.estimators import Estimator, Findings, Seed
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.store.picture_rows import NamedRows, PictureRows
from radiofuse.tables import columns
from radiofuse.tables.answers import no_weights


class ImageFusion(ImageNetwork, AnsweringNetwork, BaseEstimator):
    """One network on the pictures of all modalities: encoders, what joins them, and a head, trained end to end.

    Parameters
    ----------
    encoder : str, default="san10_small"
        A key of ``ENCODERS`` or ``package.module:Class``: of every modality, or of all as its channels.
    fusion : {"concatenation", "stacked", "weighting", "scalar_average", "channel_attention", "squeeze_excitation", \
"self_attention", "radiomics_attention"}
        "concatenation": an encoder for each modality, their embeddings side by side. "stacked": one encoder, the
        modalities as its channels; "squeeze_excitation" gates each of them in front of it. "weighting": an encoder for
        each modality, their embeddings projected and weighed anew in every row by one scorer. "scalar_average": the
        embeddings averaged with one weight for each modality. "channel_attention": the encoders' last maps, gated
        channel by channel. "self_attention": projections that attend to each other. "radiomics_attention": radiomic
        columns ``<modality>__<feature>`` gate the channels of projections and weigh modalities. The last two
        approximate networks of Zhang et al. (2021, 2022) without public code.
    crops : Crops, Pictures or path
        Where the pictures of single modalities lie; a row's pointers are row numbers there.
    cache : path
        Folder of the feature store that keeps trained networks and their answers.
    clinical : bool, default=False
        Whether columns ``clinical__<name>`` are read by a branch of their own; what is not known is the median of the
        training rows.
    clinical_scale : {"z_score", "min_max", "quantile_normal", "age_100"}
        How they are scaled, on the training rows, "z_score" as a rule: as ``scale`` under [clinical] in a recipe.
    clinical_width : int, default=8
        Numbers that the clinical branch makes of them; 0 takes them as they are scaled.
    clinical_attention : bool, default=False
        Whether clinical columns see each other by attention.
    radiomics : transformer, optional
        Of "radiomics_attention": what fills, scales and selects the radiomic columns, fitted for each modality on the
        training rows that have some. Left out: medians, mean 0 and variance 1, no selection.
    head : sequence of int, default=(128, 64)
        Units of the hidden layers behind the join, each with layer normalization, ReLU and dropout.
    dropout : float, default=0.3
        Of the head.
    width, scorer : int, default=256, 64
        Numbers of a projection, and units of the scorer's hidden layer, where the fusion has them.
    modality_dropout : bool, default=False
        Whether in training none, one or two of a row's modalities are hidden, with probability .5, .3 and .2.
    training : mapping, optional
        Options of ``Training``, such as epochs; those left out are as published.
    options : mapping, optional
        The encoder's own, such as width or weights.
    intensities, over, aggregate, device, random_state
        As for ``CropClassifier``; intensities are measured for each modality on the training rows that have it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    encoder_ : TrainedEncoder
        The network.
    modalities_ : list of str
    clinical_ : Pipeline or None
        What fills and scales the clinical columns.
    radiomics_ : dict of str to Pipeline, or None
        What fills, selects and scales the radiomic columns of each modality.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    CropClassifier : A network of one modality.
    radiofuse.fuse.ModalityWeighting : The same block on selected features.

    Notes
    -----
    All modalities of a sample are moved alike in augmentation, and scaled, brightened and disturbed each for itself.
    A row that lacks some modalities is answered from the others: what its missing pictures might hold has no influence.
    A row without any picture gets no answer.

    References
    ----------
    Ilse, Tomczak, Welling (2018). Attention-based deep multiple instance learning. ICML ("weighting").
    Neverova, Wolf, Taylor, Nebout (2016). ModDrop: adaptive multi-modal gesture recognition. IEEE TPAMI 38(8).

    Examples
    --------
    >>> model = ImageFusion("mobilenet_v2", fusion="weighting", crops="crops.npy", cache="feature_store")
    >>> model.head
    (128, 64)
    """

    def __init__(
        self,
        encoder: str = "san10_small",
        *,
        fusion: Fusion = "concatenation",
        crops: PictureRows | str | Path | None = None,
        cache: str | Path | None = None,
        clinical: bool = False,
        clinical_scale: Literal["z_score", "min_max", "quantile_normal", "age_100"] = "z_score",
        clinical_width: int = 8,
        clinical_attention: bool = False,
        radiomics: Estimator | None = None,
        head: Sequence[int] = (128, 64),
        dropout: float = 0.3,
        width: int = 256,
        scorer: int = 64,
        modality_dropout: bool = False,
        training: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        intensities: Literal["z_score", "min_max", "nyul"] = "z_score",
        over: Literal["tumor", "image"] = "tumor",
        aggregate: Aggregate = "mean_logit",
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.encoder = encoder
        self.fusion = fusion
        self.crops = crops
        self.cache = cache
        self.clinical = clinical
        self.clinical_scale = clinical_scale
        self.clinical_width = clinical_width
        self.clinical_attention = clinical_attention
        self.radiomics = radiomics
        self.head = head
        self.dropout = dropout
        self.width = width
        self.scorer = scorer
        self.modality_dropout = modality_dropout
        self.training = training
        self.options = options
        self.intensities = intensities
        self.over = over
        self.aggregate = aggregate
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the network on the rows that have a picture of some modality.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Columns ``<modality>__crop``, NaN where there is no picture, ``clinical__<name>``, and of
            "radiomics_attention" ``<modality>__<feature>``; no other is looked at.
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
            If the rows that have a picture lack a class.
        RequestError
            If the columns, the labels or an option are not as described.
        """
        refuse_misaligned(X, y=y, groups=groups)
        validate_data(self, check_columns(X, clinical=self.clinical), skip_check_array=True)
        labels = self._encode(y)
        bench = Workbench.of(self)
        self.modalities_ = [columns.split(column)[0] for column in crop_columns(X)]
        pointers, places = point(bench.crops, X, self.modalities_)
        refuse_absent(self.modalities_, pointers)
        table = X.iloc[places]
        told = None if groups is None else np.asarray(groups, dtype=object)[places]
        self._fit_beside(table, labels[places], told)
        samples = self.as_samples(bench.crops, table, pointers)
        ids = np.array(samples.sample_ids, dtype=str)
        patients = ids if told is None else told.astype(str)
        rows = LabeledRows(np.arange(len(ids)), places, labels[places], patients, len(self.classes_))
        self.encoder_ = replace(bench, crops=samples, spec=self._spec(bench.spec, samples)).train(rows)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the probability of each class, softmax of the network's logits; NaN without any picture.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            New rows; columns may come in any order, and others besides.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.

        Raises
        ------
        CohortError
            If the network was trained on one of the rows.
        """
        bench, samples, places = self._opened(X)
        answers = replace(bench, crops=samples).answers(self.encoder_, np.arange(len(places)))
        return self._spread(len(X), places, answers)

    @property
    def _pictures(self) -> str:
        return f"picture of {', '.join(self.modalities_)}"

    def modality_weights(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the weight that each row gives each modality, the mean over its pictures.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)

        Returns
        -------
        DataFrame of shape (n_samples, n_modalities)
            Indexed as ``X``. A row adds up to 1, an absent modality has 0, and a row without any picture NaN. The
            fusion "weighting" weighs the clinical numbers too.

        Raises
        ------
        RequestError
            If the fusion gives no weights.
        """
        if self.fusion not in WEIGHING:
            raise RequestError(
                f"The fusion {self.fusion!r} gives modalities no weights. Those of {' and '.join(WEIGHING)} do."
            )
        _, samples, places = self._opened(X)
        weights = weights_of_rows(self.encoder_, samples, np.arange(len(places)), self.device)
        table = pd.DataFrame(weights, index=X.index[places])
        table.columns = [*self.modalities_, columns.CLINICAL][: table.shape[1]]
        return table.reindex(X.index)

    def findings(self) -> Findings | None:
        """Return what folds should record: the model, where it weighs rows; else nothing."""
        check_is_fitted(self, "encoder_")
        if self.fusion not in WEIGHING:
            return None
        read = {name: [columns.join(name, columns.CROP)] for name in self.modalities_}
        return Findings(read, {}, no_weights(), weighing=self)

    @property
    def modality(self) -> str:
        """What the pictures are called that were learned from."""
        return ", ".join(self.modalities_)

    def rows_seen(self, crops: NamedRows) -> dict[int, str]:
        """Return the rows of its modalities that the network was trained on, as ``rows_seen``; none before ``fit``."""
        if not hasattr(self, "encoder_"):
            return {}
        own = [row for row, modality in enumerate(crops.modalities) if modality in self.modalities_]
        return rows_seen(self.encoder_, crops, own)

    def _opened(self, X: pd.DataFrame) -> tuple[Workbench, SampleRows, np.ndarray]:
        """Return what a fitted model works with, the rows that have a picture, and where in ``X`` they are."""
        check_is_fitted(self, "encoder_")
        X, bench = known_columns(X, self.feature_names_in_), Workbench.of(self)
        pointers, places = point(bench.crops, X, self.modalities_)
        samples = self.as_samples(bench.crops, X.iloc[places], pointers)
        refuse_seen(self.encoder_, bench.crops, samples.behind(range(len(places))))
        return bench, samples, places
