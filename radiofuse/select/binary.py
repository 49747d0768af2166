"""The target of selectors that compare two classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import ClassifierTags, Tags

from radiofuse.errors import CohortError
from radiofuse.prepare.validation import class_labels


def require_binary_target(y: np.ndarray, *, instead: str = "") -> np.ndarray:
    """Return the two classes of ``y``, sorted; the second is the positive one.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    instead : str, default=""
        What takes more than two classes, for the sentence: "choose the selector 'kruskal'".

    Raises
    ------
    ValueError
        If ``y`` is not a class label; a CohortError, which is one too, if it holds one class, or more than two.

    Examples
    --------
    >>> require_binary_target(np.array(["wildtype", "mutant", "mutant"])).tolist()
    ['mutant', 'wildtype']
    """
    classes = class_labels(y)
    if len(classes) != 2:
        found = "1 class" if len(classes) == 1 else f"{len(classes)} classes"
        advice = f"Pass a binary label, or {instead}." if instead and len(classes) > 2 else "Pass a binary label."
        raise CohortError("The training table", [f"Selection compares two classes, but y holds {found}. {advice}"])
    return classes


def positive_rows(y: ArrayLike) -> np.ndarray:
    """Return which rows hold the larger of the two labels."""
    y = np.asarray(y)
    return y == require_binary_target(y)[1]


def binary_target_tags(tags: Tags) -> Tags:
    """Return scikit-learn's tags of a selector that cannot do without a binary target."""
    tags.target_tags.required = True
    tags.classifier_tags = ClassifierTags(multi_class=False)
    return tags
