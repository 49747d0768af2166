"""Numbers for the words of ``clinical__sex``: 0 for female, 1 for male, none for what says unknown."""

from __future__ import annotations

import logging

import pandas as pd

from radiofuse.tables.columns import CLINICAL, join
from radiofuse.wording import counted, some

logger = logging.getLogger(__name__)

SEX = join(CLINICAL, "sex")
WORDS_OF_SEX = {
    "0": ("f", "female", "fem", "w", "woman", "women"),
    "1": ("m", "male", "man", "men"),
    "": ("u", "unknown", "unspecified", "not reported", "not available", "other", "o", "?"),  # known as absent
}
CODES_OF_SEX = {word: code for code, words in WORDS_OF_SEX.items() for word in words}


def codes_of_sex(cells: pd.Series) -> pd.Series:
    """Return 0 for female and 1 for male, however they are spelled, and empty cells for what says unknown."""
    codes = cells.map(lambda cell: CODES_OF_SEX.get(cell.strip().strip(".").lower(), cell))
    unknown = cells[(codes == "") & (cells.str.strip() != "")]
    if len(unknown):
        rows = counted(len(unknown), "row")
        logger.info("%s is unknown in %s (%s).", SEX, rows, some(unknown.str.strip().unique()))
    return codes
