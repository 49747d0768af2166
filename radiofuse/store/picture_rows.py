"""What networks read, as a contract: rows of pictures, be they crops in one file or arrays in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from radiofuse.files.places import Place


class PictureSource(Protocol):
    """Pictures one after the other: an array, or a reader that opens files when ``source[places]`` asks for some."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, places: Any, /) -> np.ndarray: ...


class NamedRows(Protocol):
    """Whose pictures stand in which row, and by what they are known again."""

    @property
    def sample_ids(self) -> list[str]: ...
    @property
    def modalities(self) -> list[str]: ...
    @property
    def keys(self) -> list[str]: ...
    def digest(self, row: int) -> str: ...


class PictureRows(NamedRows, Protocol):
    """Rows of pictures: each is one sample's, of one modality or of one stack of them."""

    @property
    def path(self) -> Place: ...
    @property
    def identity(self) -> dict[str, Any]: ...
    def counts(self, rows: Sequence[int]) -> np.ndarray: ...
    def pictures(self, rows: Sequence[int]) -> PictureSource: ...
    def largest(self, rows: Sequence[int]) -> np.ndarray: ...
    def tumors(self, rows: Sequence[int]) -> PictureSource | None: ...
    def pointer_table(self) -> pd.DataFrame: ...
