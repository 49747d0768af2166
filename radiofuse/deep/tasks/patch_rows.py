"""The rows of an estimator of patches: found by pointers, refused where it was trained on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.estimators.image_rows import known_columns, point, refuse_seen
from radiofuse.deep.estimators.workbench import Workbench
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.seen_rows import rows_seen
from radiofuse.deep.tasks.whole_rows import WholeRows
from radiofuse.errors import CohortError
from radiofuse.store.picture_rows import NamedRows, PictureRows


class PatchRows(CropEstimator):
    """What a network of several sequences reads: patches, and the whole volumes behind them where it reads these."""

    whole: bool
    modalities_: list[str]

    @property
    def modality(self) -> str:
        """What the pictures are called that were learned from."""
        return ", ".join(self.modalities_)

    def rows_seen(self, crops: NamedRows) -> dict[int, str]:
        """Return the rows of its sequences that the network was trained on, as ``rows_seen``; none before ``fit``."""
        if not hasattr(self, "encoder_"):
            return {}
        own = [row for row, modality in enumerate(crops.modalities) if modality in self.modalities_]
        return rows_seen(self.encoder_, crops, own)

    def _opened(self, X: pd.DataFrame) -> tuple[Workbench, SampleRows, np.ndarray]:
        """Return what a fitted model works with, the rows that have a patch, and where in ``X`` they are."""
        check_is_fitted(self, "encoder_")
        X, bench = known_columns(X, self.feature_names_in_), Workbench.of(self)
        pointers, places = point(bench.crops, X, self.modalities_)
        rows = self.as_samples(bench.crops, X.iloc[places], pointers)
        refuse_seen(self.encoder_, bench.crops, rows.behind(range(len(places))))
        return bench, rows, places

    def _refuse_blank(self, X: pd.DataFrame, places: np.ndarray) -> None:
        """Raise where a row has no patch."""
        absent = np.setdiff1d(np.arange(len(X)), places)
        if len(absent):
            problems = [
                f"Sample {X.index[at]} has no patch of {self.modality} to draw on; leave it out." for at in absent
            ]
            raise CohortError("The table", problems)

    def as_samples(self, crops: PictureRows, X: pd.DataFrame, pointers: np.ndarray) -> SampleRows:
        """Return rows of patches as samples, with the whole volumes behind them where these are read."""
        kind = WholeRows if self.whole else SampleRows
        return kind(crops, tuple(self.modalities_), pointers, (~np.isnan(pointers)).astype(float))
