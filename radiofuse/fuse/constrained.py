"""Fusion of selected features by a small network that keeps what modalities share apart from what each has alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import Interval, StrOptions

from radiofuse.estimators import Seed
from radiofuse.fuse.branches import find_branches, listed
from radiofuse.fuse.constraint_codes import class_probabilities, encode_branches
from radiofuse.fuse.feature_fusion import FeatureFusion, needing_torch
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_fusion import in_one_thread


class ConstraintFusion(FeatureFusion):
    """One small network on the selected features of all modalities, with invariant and specific constraints.

    The modalities are dealt into branches. A branch's features become two codes: an invariant one, by an encoder
    that all branches share, and a specific one, by an encoder of its own. The label is read off all codes. Beside
    the cross-entropy three terms are minimized: the invariant codes of any two branches shall be distributed
    alike (KL divergence, or central moments), specific codes shall differ from the invariant one and from each
    other, and a branch's two codes shall suffice to rebuild its input.

    Parameters
    ----------
    estimators : list of (str, Pipeline)
        Members as in ``LateFusion``. The steps before the last are fitted on the rows that have the modality;
        what they leave, brought to mean 0 and variance 1, enters the network. The last step, the classifier, is
        not used. Members that the method does not name are left out.
    method : str or dict of str to list of str, default="method3"
        The branches and their members: ``method1`` (t1ce | flair), ``method2`` (t1 | t1ce | t2 | flair),
        ``method3`` (t1 and t1ce | t2 and flair), or a dict of one's own.
    columns : dict of str to list or slice, optional
        Columns by member where the name does not tell, by label or position; arrays need it.
    similarity : {"kl", "cmd"}, default="kl"
        Divergence of the codes of the same row, as published, or the central moment discrepancy of the codes of all
        rows, as in MISA.
    difference : {"orthogonality", "literal_norm"}, default="orthogonality"
        "literal_norm" is the published equation to the letter, which makes the codes equal (see Notes).
    alpha, beta, gamma : float, default=0.7
        Weights of similarity, difference and reconstruction; 0 leaves the term out.
    training : {"whole", "as_published"}, default="whole"
        "whole": each step on all rows. "as_published": Adam at 1e-4 throughout, batches of 16 rows as they stand, no
        shuffling and no penalty; ``learning_rate`` and ``weight_decay`` are not used. The paper names no epochs.
    epochs : int, default=200
        Steps of Adam, each on all rows; as published, passes through the rows.
    learning_rate : float, default=0.01
        Of the first step; it falls to 0 along half a cosine.
    weight_decay : float, default=0.1
        Ridge penalty. The defaults of these three let the constraints be met, and had about the least held-out
        cross-entropy on generated tables of 130 rows and 24 features; no real labels were used to set them.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights. Members bring their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted. Of two the second is the positive class.
    branches_ : dict of str to list of str
        Members by branch.
    members_ : dict of str to Pipeline
        The steps before the last, fitted.
    scalers_ : dict of str to StandardScaler
        Of what those steps leave.
    network_ : dict of str to ndarray
        The weights; predicting needs no torch.
    losses_ : DataFrame of shape (epochs, 4)
        Columns task, similarity, difference, reconstruction: unweighted, before each step.
    columns_ : dict of str to list
        Columns by member.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    LateFusion : Fuses the members' probabilities.

    Notes
    -----
    Equation 4 as printed is the sum of the norms of the codes' differences. Its minimum is at equal codes, the
    contrary of what the text wants; the default is the loss of MISA, which the paper follows, per row.

    In a row that lacks a modality its features are 0, the training mean. In a row that lacks a whole branch the
    branch's codes are 0, and the row takes no part in the branch's terms. scikit-learn's scorers want a
    number for every row, so a row that lacks all branches is refused.

    References
    ----------
    Shi, Li, Chen, Cheng, Bai, Zhao (2023). An intra- and inter-modality fusion model with invariant- and
    specific-constraints using MR images for prediction of glioma isocitrate dehydrogenase mutation status:
    section II.E, equations 3 to 6; the methods are those of figure 7.
    Zellinger, Grubinger, Lughofer, Natschläger, Saminger-Platz (2017). Central moment discrepancy (CMD) for
    domain-invariant representation learning. ICLR.
    Hazarika, Zimmermann, Poria (2020). MISA: modality-invariant and -specific representations for multimodal
    sentiment analysis. ACM Multimedia.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 30)
    >>> table = pd.DataFrame({"t1ce__a": rng.normal(size=60) + y, "flair__a": rng.normal(size=60) + 2 * y})
    >>> chain = make_pipeline(StandardScaler(), LogisticRegression())
    >>> fusion = ConstraintFusion([("t1ce", chain), ("flair", chain)], method="method1", random_state=0)
    >>> fusion.fit(table, y).predict_proba(table).shape
    (60, 2)
    >>> fusion.codes(table).columns.to_list()[:4]
    ['t1ce__invariant_1', 't1ce__invariant_2', 't1ce__specific_1', 't1ce__specific_2']
    """

    _parameter_constraints: dict = {
        "estimators": [list],
        "method": [str, dict],
        "columns": [dict, None],
        "similarity": [StrOptions({"kl", "cmd"})],
        "difference": [StrOptions({"orthogonality", "literal_norm"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "training": [StrOptions({"whole", "as_published"})],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Pipeline]],
        *,
        method: str | Mapping[str, list[str]] = "method3",
        columns: Mapping[str, list | slice] | None = None,
        similarity: Literal["kl", "cmd"] = "kl",
        difference: Literal["orthogonality", "literal_norm"] = "orthogonality",
        alpha: float = 0.7,
        beta: float = 0.7,
        gamma: float = 0.7,
        training: Literal["whole", "as_published"] = "whole",
        epochs: int = 200,
        learning_rate: float = 0.01,
        weight_decay: float = 0.1,
        random_state: Seed = None,
    ) -> None:
        self.estimators = estimators
        self.method = method
        self.columns = columns
        self.similarity = similarity
        self.difference = difference
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.training = training
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
            If method, members and columns do not fit together, or torch is not installed.
        CohortError
            If a row has no modality at all, a member too few rows to be fitted, or its steps leave no feature.
        """
        table, target, groups = self._learned_from(X, y, groups)
        self.branches_ = find_branches(self.method, [name for name, _ in self.estimators])
        members, features = self._fit_features(table, target, groups, listed(self.branches_))
        self._fit_network(features, self._present(members), target)
        return self

    def _present(self, members: list[Member]) -> np.ndarray:
        """Say which rows have which branch, shape (n_samples, n_branches)."""
        present = {member.name: member.present for member in members}
        return np.column_stack([np.any([present[name] for name in names], axis=0) for names in self.branches_.values()])

    def _inputs(self, features: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [np.hstack([features[name] for name in names]) for names in self.branches_.values()]

    def _fit_network(self, features: Mapping[str, np.ndarray], present: np.ndarray, y: np.ndarray) -> None:
        with needing_torch("The constraint fusion"):
            from radiofuse.deep.fusion.constrained_net import TERMS, Objective, fit_constraint_net
        objective = Objective(**{one.name: getattr(self, one.name) for one in fields(Objective)})
        self.network_, losses = fit_constraint_net(self._inputs(features), present, y, objective, self._seed())
        self.losses_ = pd.DataFrame(losses, columns=list(TERMS))

    def codes(self, X: ArrayLike) -> pd.DataFrame:
        """Return the codes that the label is read off: per branch two invariant and two specific numbers.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A table may have its columns in any order, and others besides.

        Returns
        -------
        DataFrame of shape (n_samples, 4 * n_branches)
            Indexed as ``X``; columns ``<branch>__invariant_1`` and so on; 0 where a row lacks the branch.

        Raises
        ------
        RequestError
            If the table lacks columns; the message shows the difference.
        CohortError
            If a row has no modality at all.
        """
        table, members, features = self._features(X)
        codes = in_one_thread(encode_branches, self.network_, self._inputs(features), self._present(members))
        kinds = ("invariant_1", "invariant_2", "specific_1", "specific_2")
        names = [f"{branch}__{kind}" for branch in self.branches_ for kind in kinds]
        return pd.DataFrame(codes, index=table.index, columns=names)

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
        codes = self.codes(X).to_numpy()
        return class_probabilities(self.network_, codes)
