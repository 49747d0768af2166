"""What a fusion says of its members: their weights by combiner, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.fuse.choices import learns, rule_of
from radiofuse.fuse.combiners import Combiner


def weights_table(combiners: Mapping[str, Combiner], members: Sequence[str], classes: np.ndarray) -> pd.DataFrame:
    """Return the weights of the combiners that have some; a rule that learns nothing treats members alike.

    Parameters
    ----------
    combiners : mapping of str to Combiner
        Fitted.
    members : sequence of str
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    DataFrame
        Columns fusion, member, weight; the intercept as member "(intercept)". Where weights differ by class there is
        a column class before the weight, empty for a weight that holds for all classes.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> weights_table({"mean": Mean()}, ["t1", "t2"], np.array([0, 1]))
      fusion member  weight
    0   mean     t1     0.5
    1   mean     t2     0.5
    """
    rules = {fusion: rule_of(combiner) for fusion, combiner in combiners.items()}
    rows = [row for fusion, rule in rules.items() for row in _weights(fusion, rule, members, classes)]
    table = pd.DataFrame(rows, columns=["fusion", "member", "class", "weight"])
    return table if table["class"].any() else table.drop(columns="class")


def _weights(
    fusion: str, combiner: Any, members: Sequence[str], classes: np.ndarray
) -> Iterator[tuple[str, str, str, float]]:
    equal = [] if learns(combiner) else np.full(len(members), 1 / len(members))
    found = list(zip(members, getattr(combiner, "weights_", equal), strict=False))
    if hasattr(combiner, "intercept_"):
        found.append(("(intercept)", combiner.intercept_))
    for member, weight in found:
        labels = [str(label) for label in classes] if np.ndim(weight) else [""]
        yield from ((fusion, member, *pair) for pair in zip(labels, np.atleast_1d(weight), strict=True))
