"""Early fusion by one head on what each member's own steps leave: embeddings, components, selected features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context, clone
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods

from radiofuse.estimators import Findings, Seed
from radiofuse.fuse.feature_fusion import FeatureFusion
from radiofuse.fuse.member_fusion import in_one_thread
from radiofuse.patients.routing import fit_with_groups
from radiofuse.tables.answers import no_weights


class JoinedFeatures(FeatureFusion):
    """One classifier on the features that the members' steps leave, side by side.

    With an encoder among a member's steps this is the early late fusion (ELF) of networks: each modality's network is
    trained by itself and stays as it is, its embeddings stand beside the others', and a head learns from them all.

    Parameters
    ----------
    estimators : list of (str, Pipeline)
        Members as in ``LateFusion``. The steps before the last are fitted on the rows that have the modality; what
        they leave is brought to mean 0 and variance 1. The last step, the classifier, is not used.
    head : classifier
        Learns from the features of all members.
    columns : dict of str to list or slice, optional
        Columns by member where the name does not tell, by label or position; arrays need it.
    random_state : int, RandomState instance or None, default=None
        Draws the seed of a head that has ``random_state=None``. Members bring their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    members_ : dict of str to Pipeline
        The steps before the last, fitted.
    scalers_ : dict of str to StandardScaler
        Of what those steps leave.
    head_ : classifier
        Fitted on labels 0 to K - 1.
    columns_ : dict of str to list
        Columns by member.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    radiofuse.fuse.early.early_fusion : Columns joined in one chain, without networks.
    ModalityWeighting : Weighs the members anew for every row.

    Notes
    -----
    A member that a row lacks is 0 in all its features, the mean of the training rows that have it. A ``CropEncoder``
    gives the rows it is fitted on the embeddings of networks that never saw their patients, so the head learns from
    what new rows will have.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> rng, y = np.random.default_rng(0), np.repeat([0, 1], 30)
    >>> table = pd.DataFrame({"t1ce__a": rng.normal(size=60) + y, "flair__a": rng.normal(size=60) + 2 * y})
    >>> chain = make_pipeline(StandardScaler(), LogisticRegression())
    >>> fusion = JoinedFeatures([("t1ce", chain), ("flair", chain)], LogisticRegression()).fit(table, y)
    >>> fusion.head_.n_features_in_, fusion.predict_proba(table).shape
    (2, (60, 2))
    """

    _parameter_constraints: dict = {
        "estimators": [list],
        "head": [HasMethods(["fit", "predict_proba"])],
        "columns": [dict, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Pipeline]],
        head: Any,
        *,
        columns: Mapping[str, list | slice] | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimators = estimators
        self.head = head
        self.columns = columns
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the members' steps, then the head on what they leave.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A block of NaN in a row means that the modality is absent.
        y : array-like of shape (n_samples,)
            Two classes or more.
        groups : array-like of shape (n_samples,), optional
            The patient of each row, handed to every step, and to a head, whose ``fit`` takes it.

        Returns
        -------
        self

        Raises
        ------
        RequestError
            If members and columns do not fit together.
        CohortError
            If a row has no modality at all, a member too few rows to be fitted, or its steps leave no feature.
        """
        table, target, groups = self._learned_from(X, y, groups)
        _, features = self._fit_features(table, target, groups, [name for name, _ in self.estimators])
        head = clone(self.head)
        if "random_state" in head.get_params(deep=False) and head.random_state is None:
            head.set_params(random_state=self._seed())
        self.head_ = in_one_thread(fit_with_groups, head, _side_by_side(features), target, groups)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A table may have its columns in any order, and others besides.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.

        Raises
        ------
        RequestError
            If the table lacks columns; the message shows the difference.
        CohortError
            If a row has no modality at all, or a member's encoder was trained on it.
        """
        _, _, features = self._features(X)
        return in_one_thread(self.head_.predict_proba, _side_by_side(features))

    def findings(self) -> Findings:
        """Return what folds should record: the columns of the members; a head's weights are of no member alone."""
        return Findings(self.columns_, {}, no_weights())


def _side_by_side(features: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the members' features as one array, shape (n_rows, n_features of all members)."""
    return np.hstack(list(features.values()))
