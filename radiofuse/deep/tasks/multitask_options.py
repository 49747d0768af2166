"""What makes a ``MultiTaskNetwork``: its parameters, what they may be, and the network they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.segmentation.classes import PARTS
from radiofuse.deep.tasks.batches import REGIONS
from radiofuse.deep.tasks.cost import cost_of
from radiofuse.deep.tasks.loop import refuse_options
from radiofuse.deep.tasks.losses import WEIGHTINGS
from radiofuse.deep.tasks.patch_rows import PatchRows
from radiofuse.deep.tasks.sizes import SIZES
from radiofuse.deep.tasks.stages import Stages
from radiofuse.deep.tasks.step import BETWEEN_PASSES
from radiofuse.deep.training.options import Training
from radiofuse.errors import CohortError, RequestError

NET = "radiofuse.deep.tasks.network:MultiTaskNet"
SETTLED = ("encoder", "aggregate", "picture_shape")  # of other networks' parameters what nobody chooses here


class MultiTaskOptions(Stages, PatchRows):
    """The parameters of the network, checked and told, and its outcomes."""

    encoder = NET
    aggregate = "mean_logit"  # a row has one patch

    _parameter_constraints: dict = {
        **{name: one for name, one in CropEstimator._parameter_constraints.items() if name not in SETTLED},
        "uncertainty_weighted": [StrOptions(set(WEIGHTINGS))],
        "regions": ["boolean"],
        "tumor_cutmix": [Interval(Real, 0, 1, closed="both")],
        "preset": [StrOptions(set(SIZES))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "whole": ["boolean"],
        "modality_dropout": ["boolean"],
        "self_distillation": ["boolean", Mapping],
        "pretraining": ["boolean", Mapping],
        "self_training": ["boolean", Mapping],
    }

    regions: bool
    preset: str
    options: Mapping[str, Any] | None
    classes_: list[np.ndarray]

    def _validate_params(self) -> None:
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), caller_name=type(self).__name__
        )
        if self.tumor_cutmix and (self.whole or not self.regions):
            what = "whole = true has volumes that are not cut with it" if self.whole else "regions = false has no masks"
            raise RequestError(f"tumor_cutmix cuts tumors where masks have them, and {what}. Leave one of them out.")

    def pass_blank(self, channels: int, sides: Sequence[int]) -> None:
        """Pass a blank patch of two sequences through a fresh network, so that what does not fit is found early.

        Parameters
        ----------
        channels : int
            Of each sequence.
        sides : sequence of int
            Voxels of a patch.

        Raises
        ------
        RequestError
            If an option or the patches do not go together.
        """
        self._validate_params()
        self._plan(), self._second_stage()
        refuse_options(Training.from_options(self.training or {}))
        options = self._net_options(2, channels, sides, [2, 2], len(PARTS) if self.regions else 0)
        cost_of(make_encoder(self.encoder, 0, 4, options), tuple(sides))

    def _encode(self, y: pd.DataFrame) -> np.ndarray:
        """Learn the outcomes and their classes, and return the place of each row's class, NaN where unknown."""
        self.outcomes_ = [str(name) for name in y]
        refuse_names(self.outcomes_)
        self.classes_ = [np.unique(y[name].dropna()) for name in y]
        problems = [too_few(name, classes) for name, classes in zip(self.outcomes_, self.classes_, strict=True)]
        if any(problems):
            raise CohortError("The table to train on", [problem for problem in problems if problem])
        codes = [pd.Categorical(y[name], classes).codes for name, classes in zip(y, self.classes_, strict=True)]
        return np.where(np.stack(codes, axis=1) < 0, np.nan, np.stack(codes, axis=1).astype(float))

    def _probabilities(self, logits: np.ndarray) -> list[np.ndarray]:
        if logits.shape[1] == 1:  # one outcome of two classes is kept as its log-odds
            return [expit(logits * [-1, 1])]
        ends = np.cumsum([len(classes) for classes in self.classes_])[:-1]
        return [softmax(own, axis=1) for own in np.split(logits, ends, axis=1)]

    def _net_options(
        self, n_modalities: int, channels: int, sides: Sequence[int], outcomes: Sequence[int], n_regions: int
    ) -> dict[str, Any]:
        """Return what the network is made with, as its card keeps it."""
        own = {name: value for name, value in (self.options or {}).items() if name != "channels"}
        return {
            "modalities": n_modalities,
            "channels": channels,
            "outcomes": list(outcomes),
            "regions": n_regions,
            "preset": self.preset,
            "size": max(sides),
            "dropout": self.dropout,
            **({"whole": True} if self.whole else {}),
            "modality_dropout": self.modality_dropout,
            **own,
        }


def as_table(y: Any, index: pd.Index) -> pd.DataFrame:
    """Return outcomes as a table; labels of one outcome become its one column."""
    return y if isinstance(y, pd.DataFrame) else pd.DataFrame({"outcome": np.asarray(y)}, index=index)


def refuse_names(outcomes: Sequence[str]) -> None:
    """Raise where an outcome is called as another one, or as what a training has beside the outcomes."""
    taken = [name for name in outcomes if name in (REGIONS, BETWEEN_PASSES) or list(outcomes).count(name) > 1]
    if taken:
        raise RequestError(
            f"An outcome is called {taken[0]!r}, and so is another task of the multi-task network, whose losses are "
            "kept by name. Give the outcome another name."
        )


def too_few(name: str, classes: np.ndarray) -> str:
    """Return what keeps an outcome from being learned, else nothing."""
    if len(classes) > 1:
        return ""
    got = f"all that are known are {classes[0]}" if len(classes) else "no row has a label"
    return f"Two classes of {name} or more were expected, and {got}. Leave the outcome out, or add patients."
