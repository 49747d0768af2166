"""How far the weights of a final model would have moved, had other patients been there to learn them from."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.estimators import OffersFindings


def resampled_weights(
    model: OffersFindings, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray, *, n_resamples: int, seed: int
) -> pd.DataFrame | None:
    """Return the learned weights of a fitted fusion with intervals: combiners fitted again to resampled patients.

    Parameters
    ----------
    model : estimator
        Fitted on these rows, or on those of them that it can read.
    X : DataFrame of shape (n_samples, n_columns)
    y, groups : ndarray of shape (n_samples,)
        Labels as the model was fitted on, and the patient of each row.
    n_resamples : int
    seed : int

    Returns
    -------
    DataFrame or None
        Columns fusion, member, weight, low and high; class where weights differ by class. None for a model that
        learned no weights, and where a class has too few patients to draw them again.

    See Also
    --------
    radiofuse.fuse.weight_intervals.weight_intervals : How they are computed.
    """
    offered = model.findings()
    told = None if offered is None or offered.explaining is None else offered.explaining.out_of_fold_
    if told is None:
        return None
    rows = X.index.get_indexer(told.index)  # a model of some columns was fitted on rows that have one of them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said when the model itself was fitted
        try:
            return offered.explaining.weight_intervals(
                y[rows], groups[rows], n_resamples=n_resamples, random_state=seed
            )
        except RequestError:
            return None
