"""Fusion of selected features by weights that a small network gives the modalities of every patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from radiofuse.errors import RequestError
from radiofuse.estimators import Findings, Seed
from radiofuse.fuse.feature_fusion import FeatureFusion, needing_torch
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_fusion import in_one_thread
from radiofuse.fuse.weighted_rows import weigh_rows
from radiofuse.tables.answers import no_weights


class ModalityWeighting(FeatureFusion):
    """One small network on the selected features of all modalities, which it weighs anew for every patient.

    Each modality's features are projected to ``width`` numbers. One scorer, the same for all modalities, gives each
    projection a score; the softmax over the modalities that a row has makes weights of the scores, and the label is
    read off the weighted sum of the projections.

    Parameters
    ----------
    estimators : list of (str, Pipeline)
        Members as in ``LateFusion``. The steps before the last are fitted on the rows that have the modality;
        what they leave, brought to mean 0 and variance 1, enters the network. The last step, the classifier, is
        not used.
    columns : dict of str to list or slice, optional
        Columns by member where the name does not tell, by label or position; arrays need it.
    width : int, default=16
        Of the projections; 256 as published, for embeddings of a thousand numbers and hundreds of patients.
    scorer : int, default=64
        Units of the scorer's hidden layer, tanh, as published.
    layers : sequence of int, default=()
        Units of the head's hidden layers, each with layer normalization, ReLU and dropout; (128, 64) as published.
    dropout : float, default=0.3
        Share of the units of those layers that are hidden in training.
    modality_dropout : bool, default=False
        Whether in every step of training none, one or two of a row's modalities are hidden from it, with
        probability .5, .3 and .2, so that the network knows rows that lack some.
    epochs : int, default=200
        Steps of Adam, each on all rows.
    learning_rate : float, default=0.01
        Of the first step; it falls to 0 along half a cosine.
    weight_decay : float, default=0.1
        Ridge penalty of all layers but the scorer, which has a fifth of it. Width, layers and penalty had about the
        least held-out cross-entropy on generated tables of 130 rows and 24 features, the penalty for weights that tell
        noise from signal too; no real labels were used to set them.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, and what is hidden in training. Members bring their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted. Of two the second is the positive class.
    members_ : dict of str to Pipeline
        The steps before the last, fitted.
    scalers_ : dict of str to StandardScaler
        Of what those steps leave.
    network_ : dict of str to ndarray
        The network's weights; predicting needs no torch.
    losses_ : ndarray of shape (epochs,)
        The cross-entropy before each step.
    columns_ : dict of str to list
        Columns by member.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    ConstraintFusion : Keeps apart what modalities share and what each has alone.
    LateFusion : Fuses the members' probabilities; its learned weights are the same for all patients.

    Notes
    -----
    Without modality dropout, which draws modalities by their order, the order of the members decides nothing, and a
    member that is there twice has the same weight twice. A row that
    has one modality gives it weight 1, and its answer is that modality's. Without modality dropout the network has
    seen such rows in training only where the cohort has them.

    The defaults are for a hundred patients and a handful of selected features each. A weight says what the network
    attended to, not what the patient's outcome depends on: projections differ in length too.

    References
    ----------
    Ilse, Tomczak, Welling (2018). Attention-based deep multiple instance learning. ICML, equation 8: the scorer.
    Neverova, Wolf, Taylor, Nebout (2016). ModDrop: adaptive multi-modal gesture recognition. IEEE TPAMI 38(8): the
    idea of modality dropout; there each modality is hidden by itself.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 30)
    >>> table = pd.DataFrame({"t1ce__a": rng.normal(size=60) + y, "flair__a": rng.normal(size=60) + 2 * y})
    >>> chain = make_pipeline(StandardScaler(), LogisticRegression())
    >>> fusion = ModalityWeighting([("t1ce", chain), ("flair", chain)], random_state=0).fit(table, y)
    >>> weights = fusion.modality_weights(table)
    >>> weights.columns.to_list(), weights.sum(axis=1).round(6).unique().tolist()
    (['t1ce', 'flair'], [1.0])
    """

    _parameter_constraints: dict = {
        "estimators": [list],
        "columns": [dict, None],
        "width": [Interval(Integral, 1, None, closed="left")],
        "scorer": [Interval(Integral, 1, None, closed="left")],
        "layers": [list, tuple],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "modality_dropout": ["boolean"],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Pipeline]],
        *,
        columns: Mapping[str, list | slice] | None = None,
        width: int = 16,
        scorer: int = 64,
        layers: Sequence[int] = (),
        dropout: float = 0.3,
        modality_dropout: bool = False,
        epochs: int = 200,
        learning_rate: float = 0.01,
        weight_decay: float = 0.1,
        random_state: Seed = None,
    ) -> None:
        self.estimators = estimators
        self.columns = columns
        self.width = width
        self.scorer = scorer
        self.layers = layers
        self.dropout = dropout
        self.modality_dropout = modality_dropout
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the members' steps, then the network on what they leave.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A block of NaN in a row means that the modality is absent.
        y : array-like of shape (n_samples,)
            Two classes or more.
        groups : array-like of shape (n_samples,), optional
            The patient of each row, handed to every step whose ``fit`` takes it.

        Returns
        -------
        self

        Raises
        ------
        RequestError
            If members and columns do not fit together, layers are no whole numbers, or torch is not installed.
        CohortError
            If a row has no modality at all, a member too few rows to be fitted, or its steps leave no feature.
        """
        table, target, groups = self._learned_from(X, y, groups)
        members, features = self._fit_features(table, target, groups, [name for name, _ in self.estimators])
        self._fit_network(features, _present(members), target)
        return self

    def _validate_params(self) -> None:
        super()._validate_params()
        wrong = [units for units in self.layers if not isinstance(units, Integral) or units < 1]
        if wrong:
            raise RequestError(f"layers holds {wrong[0]!r}; it takes whole numbers from 1 on, such as [128, 64].")

    def _fit_network(self, features: Mapping[str, np.ndarray], present: np.ndarray, y: np.ndarray) -> None:
        with needing_torch("The modality weighting"):
            from radiofuse.deep.fusion.weighting_net import Shape, Training, fit_weighting_net
        shape = Shape(self.width, self.scorer, tuple(self.layers), self.dropout)
        training = Training(self.epochs, self.learning_rate, self.weight_decay, self.modality_dropout)
        inputs = list(features.values())
        self.network_, self.losses_ = fit_weighting_net(inputs, present, y, shape, training, self._seed())

    def modality_weights(self, X: ArrayLike) -> pd.DataFrame:
        """Return the weight that each row gives each modality.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A table may have its columns in any order, and others besides.

        Returns
        -------
        DataFrame of shape (n_samples, n_members)
            Indexed as ``X``. A row adds up to 1; an absent modality has 0.

        Raises
        ------
        RequestError
            If the table lacks columns; the message shows the difference.
        CohortError
            If a row has no modality at all.
        """
        table, _, weights = self._weigh(X)
        return pd.DataFrame(weights, index=table.index, columns=list(self.columns_))

    def _weigh(self, X: ArrayLike) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """Return rows as a table, the probability of each class, and the weight of each modality."""
        table, members, features = self._features(X)
        return table, *in_one_thread(weigh_rows, self.network_, list(features.values()), _present(members))

    def findings(self) -> Findings:
        """Return what folds should record: the columns of the modalities, and the model, which weighs rows.

        Returns
        -------
        Findings
        """
        check_is_fitted(self)
        return Findings(self.columns_, {}, no_weights(), weighing=self)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._weigh(X)[1]


def _present(members: Sequence[Member]) -> np.ndarray:
    """Say which rows have which modality, shape (n_samples, n_members)."""
    return np.column_stack([member.present for member in members])
