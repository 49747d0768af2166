"""A selector of your own: fill one method, then use it like a built-in one."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse import LateFusion, cross_validated_predictions, modality_classifier, score_predictions


class LargestMeanGap(SelectorMixin, BaseEstimator):
    """Keep the ``n_features`` columns whose class means lie farthest apart."""

    def __init__(self, n_features=5):
        self.n_features = n_features

    def fit(self, X, y):
        X, y = validate_data(self, X, y)
        gaps = np.abs(X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0))
        self.support_ = np.isin(np.arange(X.shape[1]), np.argsort(-gaps, kind="stable")[: self.n_features])
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_


def main() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    table = pd.DataFrame(rng.normal(size=(80, 60)), columns=[f"{m}__f{j}" for m in ("t1", "t2") for j in range(30)])
    table.iloc[:, :3] += y[:, None]

    # In a recipe: [select] method = "my_package.my_module:LargestMeanGap"
    members = [(m, modality_classifier("logistic", select="own_selector:LargestMeanGap")) for m in ("t1", "t2")]
    predictions = cross_validated_predictions(LateFusion(members, combine="mean"), table, y, cv=5, random_state=0)
    scores = score_predictions(predictions)
    print(scores[scores["metric"] == "auc"].round(2).to_string(index=False))


if __name__ == "__main__":
    main()
