"""Tables of a bundle made from the format alone: texts, numbers, counts and flags where it says so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.table_format import COUNT, FLAG, NUMBER, TEXT


def tables_of(texts: Sequence[str] = ("007", "NA")) -> dict[str, pd.DataFrame]:
    """Return every table of a bundle, a row per text, which stands in all columns of text."""
    place = np.arange(len(texts))
    cells = {TEXT: pd.array(texts, dtype="str"), NUMBER: place / 3, COUNT: place, FLAG: place % 2 == 1}
    return {
        name: pd.DataFrame({column: cells[kind] for column, kind in table.columns.items()})
        for name, table in TABLES.items()
    }
