"""Early fusion: the columns of all modalities in one classifier, joined before or after the selection."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import Pipeline

from radiofuse.tables.columns import SEPARATOR

BEFORE, AFTER = "before_selection", "after_selection"


def early_fusion(chain: Pipeline, blocks: Sequence[str], *, joined: str = BEFORE) -> Pipeline:
    """Return one unfitted chain for the columns of several modalities.

    Parameters
    ----------
    chain : Pipeline
        From ``modality_classifier``: steps that prepare and select columns, and a classifier.
    blocks : sequence of str
        What stands before the two underscores in the names of columns: the modalities, and ``clinical``.
    joined : {"before_selection", "after_selection"}
        Whether columns are selected from all blocks together, or in each by itself.

    Returns
    -------
    Pipeline
        The chain itself, or one with a step ``select`` that holds a copy of its first steps for each block.

    Notes
    -----
    A modality that a row lacks is imputed by the medians of the training rows, as any other gap.

    Examples
    --------
    >>> from radiofuse import modality_classifier
    >>> list(early_fusion(modality_classifier(), ["t1", "t2"], joined="after_selection").named_steps)
    ['select', 'classify']
    """
    if joined == BEFORE:
        return chain
    parts = [(name, chain[:-1], make_column_selector(f"^{name}{SEPARATOR}")) for name in blocks]
    selected = ColumnTransformer(parts, verbose_feature_names_out=False)
    return clone(chain).set_params(steps=[("select", selected), chain.steps[-1]])
