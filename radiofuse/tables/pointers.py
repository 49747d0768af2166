"""Where each sample's pictures are, as columns that can stand beside features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.tables.columns import CROP, join


def pointer_table(sample_ids: Sequence[str], modalities: Sequence[str]) -> pd.DataFrame:
    """Return the row number of each sample's pictures of each modality.

    Parameters
    ----------
    sample_ids, modalities : sequence of str
        Of each row.

    Returns
    -------
    DataFrame
        Index ``sample_id``, the samples that have a row; columns ``<modality>__crop``, float row numbers, NaN where a
        sample has no row of that modality.

    Examples
    --------
    >>> pointer_table(["a", "b", "a"], ["t1", "t1", "t2"]).loc["a"].tolist()
    [0.0, 2.0]
    """
    ids, names = (list(dict.fromkeys(values)) for values in (sample_ids, modalities))
    table = np.full((len(ids), len(names)), np.nan)
    row_of, column_of = ({value: n for n, value in enumerate(values)} for values in (ids, names))
    for number, (sample_id, modality) in enumerate(zip(sample_ids, modalities, strict=True)):
        table[row_of[sample_id], column_of[modality]] = number
    labels = [join(modality, CROP) for modality in names]
    return pd.DataFrame(table, pd.Index(ids, name="sample_id", dtype="str"), labels)
