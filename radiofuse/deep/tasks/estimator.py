"""One network for all outcomes and for the tumor's regions, trained on patches of the sequences, as an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse.deep.estimators.image_rows import check_columns, point, refuse_absent
from radiofuse.deep.estimators.pointers import crop_columns
from radiofuse.deep.estimators.workbench import Workbench
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.tasks.cutting import refuse_uncut
from radiofuse.deep.tasks.drawn import DrawnRegions, draw_regions
from radiofuse.deep.tasks.losses import Weighting
from radiofuse.deep.tasks.multitask_options import MultiTaskOptions, as_table
from radiofuse.deep.tasks.passes import dropout_passes
from radiofuse.deep.tasks.region_maps import RegionMaps
from radiofuse.deep.tasks.training_task import MultiTaskTraining
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import RequestError
from radiofuse.estimators import Findings, Seed
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.store.picture_rows import PictureRows
from radiofuse.tables import columns


class MultiTaskNetwork(MultiTaskOptions, BaseEstimator):
    """One network for several outcomes and the tumor's regions, from patches of the sequences that a patient has.

    Parameters
    ----------
    crops : Pictures or path
        Patches of single sequences, as ``VolumePatch`` makes them; with ``parts`` they have the masks of regions.
    cache : path
        Folder of the feature store that keeps trained networks and their answers.
    uncertainty_weighted : {"kendall", "parent", "off"}, default="kendall"
        How the losses of the tasks become one, as ``UncertaintyWeights`` has it.
    regions : bool, default=True
        Whether the tumor's regions are learned too, from the patients that have a mask.
    tumor_cutmix : float, default=0.0
        Probability that a patient of a training step has a part of another one's tumor, and of both labels a share.
    preset : {"small", "gmmas"}, default="small"
        Sizes of the network; ``options`` changes single ones.
    dropout : float, default=0.2
    whole : bool, default=False
        Whether a second encoder reads the whole volumes, which stand beside patches that ``VolumePatch(whole=size)``
        made.
    modality_dropout : bool, default=False
        Whether in training none, one or two of a row's sequences are hidden, with probability .5, .3 and .2.
    self_distillation : bool or mapping, default=False
        Whether every step has a second pass with sequences hidden like that, whose features are drawn to those of the
        pass on all sequences; ``{"weight": 1.0, "stop_gradient": False}``, as ``SelfDistillation`` has it.
    pretraining : bool or mapping, default=False
        Whether encoder and transformer are trained beforehand, without labels, to embed different sequences of a
        training patient alike; ``{"method": "simsiam", "epochs": 10}``.
    self_training : bool or mapping, default=False
        Whether a second network is trained, from new weights, on pseudo-labels too: those of training patients of whom
        an outcome is unknown and the first network is sure; ``{"confidence": 0.9, "spread": 0.05, "passes": 10}``, as
        ``SelfTraining`` has it.
    training : mapping, optional
        Options of ``Training``, such as epochs.
    options : mapping, optional
        Sizes by name, such as ``{"widths": [8, 16], "blocks": [1, 1]}``: those of ``MultiTaskNet``.
    intensities, over, device, random_state
        As for ``CropClassifier``; intensities are measured for each sequence on the training rows that have it.

    Attributes
    ----------
    outcomes_ : list of str
    classes_ : list of ndarray
        Of each outcome, sorted.
    regions_ : list of str
        The regions that it draws, by the classes 1 and on; none without masks.
    encoder_ : TrainedEncoder
        The network; its card has the losses, the tasks' weights and the options.
    pseudo_labels_ : DataFrame or None
        With ``self_training`` a row for each label that is unknown: sample, outcome, place of the class, probability,
        spread, and whether it was kept.
    modalities_ : list of str
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    ImageFusion : A network of one outcome, in two dimensions or three.
    radiofuse.fuse.outcome_chain.OutcomeChain : Several outcomes on features.

    Notes
    -----
    A row counts for an outcome wherever that is known, and for the regions wherever it has a mask. A row that lacks
    sequences is answered from the others, any of them; a row without one gets no answer.

    References
    ----------
    Liu et al. (GMMAS) and its public code; see ``MultiTaskNet``.

    Examples
    --------
    >>> model = MultiTaskNetwork(crops="crops.json", cache="feature_store", training={"epochs": 20})
    >>> model.uncertainty_weighted
    'kendall'
    """

    multi_outcome = True
    title = "multi-task network"

    def __init__(
        self,
        *,
        crops: PictureRows | str | Path | None = None,
        cache: str | Path | None = None,
        uncertainty_weighted: Weighting = "kendall",
        regions: bool = True,
        tumor_cutmix: float = 0.0,
        preset: Literal["small", "gmmas"] = "small",
        dropout: float = 0.2,
        whole: bool = False,
        modality_dropout: bool = False,
        self_distillation: bool | Mapping[str, Any] = False,
        pretraining: bool | Mapping[str, Any] = False,
        self_training: bool | Mapping[str, Any] = False,
        training: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        intensities: Literal["z_score", "min_max", "nyul"] = "z_score",
        over: Literal["tumor", "image"] = "tumor",
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.crops = crops
        self.cache = cache
        self.uncertainty_weighted = uncertainty_weighted
        self.regions = regions
        self.tumor_cutmix = tumor_cutmix
        self.preset = preset
        self.dropout = dropout
        self.whole = whole
        self.modality_dropout = modality_dropout
        self.self_distillation = self_distillation
        self.pretraining = pretraining
        self.self_training = self_training
        self.training = training
        self.options = options
        self.intensities = intensities
        self.over = over
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: pd.DataFrame, groups: ArrayLike | None = None) -> Self:
        """Train the network on the rows that have a patch of some sequence.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Columns ``<modality>__crop``, NaN where there is no patch; no other is looked at.
        y : DataFrame of shape (n_samples, n_outcomes)
            A column per outcome, NaN where it is unknown.
        groups : array-like of shape (n_samples,), optional
            The patient of each row. Default: each sample is one.

        Raises
        ------
        CohortError
            If an outcome has fewer than two classes among the rows, no row has a patch of some sequence, or patients
            are to be held out and none can be.
        RequestError
            If the columns or an option are not as described, an outcome is called as another task, or tumors are to be
            cut and no two rows have a mask.
        """
        refuse_misaligned(X, y=y, groups=groups)
        validate_data(self, check_columns(X, clinical=False), skip_check_array=True)
        bench = Workbench.of(self)
        self.modalities_ = [columns.split(column)[0] for column in crop_columns(X)]
        pointers, places = point(bench.crops, X, self.modalities_)
        refuse_absent(self.modalities_, pointers)
        labels = self._encode(as_table(y, X.index).iloc[places])
        rows = self.as_samples(bench.crops, X.iloc[places], pointers)
        patients = np.asarray(rows.sample_ids if groups is None else np.asarray(groups, dtype=object)[places])
        drawn = RegionMaps.of(rows, range(len(places))) if self.regions else None
        if self.tumor_cutmix:
            refuse_uncut(drawn, patients)
        self.regions_ = [] if drawn is None else list(drawn.names)
        outcomes = {name: len(classes) for name, classes in zip(self.outcomes_, self.classes_, strict=True)}
        n, (_, channels, *sides) = len(self.modalities_), SampleRows.pictures(rows, [0]).shape
        options = self._net_options(n, channels // n, sides, list(outcomes.values()), len(self.regions_))
        plan, spec = self._plan(), replace(bench.spec, options=options)

        def train(given: np.ndarray, seed: int) -> TrainedEncoder:
            task = MultiTaskTraining.of(spec, rows, given, patients, seed, outcomes, plan, drawn, true=labels)
            return bench.cache.of_task(task)

        self.encoder_, self.pseudo_labels_ = self._trained(train, rows, labels, bench.seed)
        return self

    def predict_proba(self, X: pd.DataFrame) -> list[np.ndarray]:
        """Return the probabilities of every outcome; NaN in rows without any patch.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            New rows; columns may come in any order, and others besides.

        Returns
        -------
        list of ndarray of shape (n_samples, n_classes)
            In the order of ``outcomes_``, columns in the order of ``classes_``.

        Raises
        ------
        CohortError
            If the network was trained on one of the rows.
        """
        bench, rows, places = self._opened(X)
        answers = replace(bench, crops=rows).answers(self.encoder_, np.arange(len(places)))
        logits = answers[:, self.encoder_.card["embedding_dim"] :]  # (n, 1) or (n, sum of classes)
        whole = [np.full((len(X), len(classes)), np.nan) for classes in self.classes_]
        for own, probability in zip(whole, self._probabilities(logits), strict=True):
            own[places] = probability
        return whole

    def dropout_passes(self, X: pd.DataFrame, n_passes: int = 10, *, seed: int = 0) -> list[np.ndarray]:
        """Return the probabilities of passes in which dropout goes on drawing, as Monte-Carlo dropout has it.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
        n_passes : int, default=10
        seed : int, default=0
            Of what is dropped; the same seed gives the same numbers.

        Returns
        -------
        list of ndarray of shape (n_passes, n_samples, n_classes)
            In the order of ``outcomes_``; NaN in rows without any patch.

        Raises
        ------
        RequestError
            If the network has no dropout.
        """
        _, rows, places = self._opened(X)
        logits = dropout_passes(self.encoder_, rows, n_passes, seed=seed, device=self.device)
        whole = [np.full((n_passes, len(X), len(classes)), np.nan) for classes in self.classes_]
        for number, of_pass in enumerate(logits):
            for own, probability in zip(whole, self._probabilities(of_pass), strict=True):
                own[number, places] = probability
        return whole

    def draw_regions(self, X: pd.DataFrame, *, flips: bool = False, without_scatter: bool = True) -> list[DrawnRegions]:
        """Return the regions of every row, with their volumes in ml.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            New rows, each with a patch.
        flips : bool, default=False
            Whether the mean over the eight flips of a patch decides, which takes eight times as long.
        without_scatter : bool, default=True
            Whether small pieces of a scattered tumor are left out, as ``without_scatter`` of the segmentations does.

        Raises
        ------
        CohortError
            If a row has no patch, or the network was trained on one of them.
        RequestError
            If the network learned no regions.
        """
        check_is_fitted(self, "encoder_")
        if not self.regions_:
            raise RequestError(
                "The network learned no regions: no training row had a mask with labels, or regions=False."
            )
        _, rows, places = self._opened(X)
        self._refuse_blank(X, places)
        options = {"flips": flips, "tidied": without_scatter, "device": self.device}
        return draw_regions(self.encoder_, rows, self.regions_, **options)

    def modality_weights(self) -> pd.Series:
        """Return the weight of each sequence in a row that has them all; they add up to 1."""
        check_is_fitted(self, "encoder_")
        raised = np.exp(self.encoder_.module().encoder.average.v.detach().numpy() - 1.0)
        return pd.Series(raised / raised.sum(), index=self.modalities_)

    def findings_of(self, outcome: str) -> Findings:
        """Return what folds should record of an outcome: the weights of the sequences and of pseudo-labels the number.

        All outcomes share the weights.
        """
        weights = self.modality_weights()
        table = pd.DataFrame({"fusion": "sequences", "member": weights.index, "weight": weights.to_numpy(float)})
        return Findings({}, {}, table, self._kept(outcome))
