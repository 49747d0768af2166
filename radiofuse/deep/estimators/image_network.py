"""What makes the network of an ``ImageFusion``: its parameters, what they may be, and the network they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_parameter_constraints

from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.estimators.image_rows import clinical_chain, clinical_columns, samples_of
from radiofuse.deep.estimators.radiomic_columns import fit_radiomics
from radiofuse.deep.fusion.choices import FUSIONS, RADIOMICS_ATTENTION
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.training.task import EncoderSpec
from radiofuse.errors import RequestError
from radiofuse.estimators import Estimator
from radiofuse.prepare.clinical_scale import CLINICAL_SCALES
from radiofuse.store.picture_rows import PictureRows

NET = "radiofuse.deep.fusion.image_net:FusionNet"
OF_NET = ("fusion", "encoder", "dropout", "width", "scorer", "clinical_width", "clinical_attention", "modality_dropout")


class ImageNetwork(CropEstimator):
    """The parameters of the network, checked and told, and what it reads beside pictures."""

    _parameter_constraints: dict = {
        **CropEstimator._parameter_constraints,
        "fusion": [StrOptions(set(FUSIONS))],
        "clinical": ["boolean"],
        "clinical_scale": [StrOptions(set(CLINICAL_SCALES))],
        "clinical_width": [Interval(Integral, 0, None, closed="left")],
        "clinical_attention": ["boolean"],
        "radiomics": [HasMethods(["fit", "transform"]), None],
        "head": [list, tuple],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "scorer": [Interval(Integral, 1, None, closed="left")],
        "modality_dropout": ["boolean"],
    }

    fusion: str
    head: Sequence[int]
    options: Mapping[str, Any] | None
    clinical: bool
    clinical_scale: str
    modalities_: list[str]
    clinical_: Pipeline | None
    # here, since models of before they were there were pickled without
    radiomics: Estimator | None = None
    radiomics_: dict[str, Pipeline] | None = None

    def pass_blank(self, channels: int, sides: Sequence[int]) -> None:
        """Pass blank pictures of two modalities through a fresh network, so that what does not fit is found early.

        Parameters
        ----------
        channels : int
            Of each modality's pictures.
        sides : sequence of int
            Their pixels.

        Raises
        ------
        RequestError
            If the encoder, an option or the pictures do not go together.
        """
        self._validate_params()
        n_told = int(self.fusion == RADIOMICS_ATTENTION)
        options = self._net_options(2, channels, sides, n_radiomic=n_told)
        module = make_encoder(NET, 0, options=options, with_weights=False)
        try:
            with torch.no_grad():
                module.eval()(torch.zeros(1, 2 * channels, *sides), torch.ones(1, 2 + 4 * n_told))
        except (TypeError, RuntimeError) as error:  # of an encoder of the user's own
            raise RequestError(
                f"The encoder {self.encoder!r} cannot embed pictures of {' x '.join(map(str, sides))} pixels: {error}. "
                "Correct it, its options, or the size of the pictures."
            ) from error

    def _validate_params(self) -> None:
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), caller_name=type(self).__name__
        )
        wrong = [units for units in self.head if not isinstance(units, Integral) or units < 1]
        if wrong:
            raise RequestError(f"head holds {wrong[0]!r}; it takes whole numbers from 1 on, such as [128, 64].")

    def _fit_beside(self, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray | None) -> None:
        """Fit what fills and scales the columns that are read beside pictures, on the rows that have some."""
        own = clinical_columns(X)
        self.clinical_ = clinical_chain(self.clinical_scale).fit(X[own]) if self.clinical else None
        guided = self.fusion == RADIOMICS_ATTENTION
        self.radiomics_ = fit_radiomics(self.radiomics, X, y, groups, self.modalities_) if guided else None

    def as_samples(self, crops: PictureRows, X: pd.DataFrame, pointers: np.ndarray) -> SampleRows:
        """Return rows of ``X`` as samples, with what is read beside their pictures."""
        return samples_of(crops, X, self.modalities_, pointers, self.clinical_, self.radiomics_)

    def _spec(self, usual: EncoderSpec, samples: SampleRows) -> EncoderSpec:
        """Return what is trained on some samples."""
        n_modalities = len(samples.names)
        _, channels, *sides = samples.pictures([0]).shape
        read = {
            "n_clinical": 0 if self.clinical_ is None else self.clinical_.n_features_in_,
            "n_radiomic": max((chain[-1].n_features_in_ for chain in (self.radiomics_ or {}).values()), default=0),
        }
        return replace(
            usual, encoder=NET, options=self._net_options(n_modalities, channels // n_modalities, sides, **read)
        )

    def _net_options(
        self, n_modalities: int, channels: int, sides: Sequence[int], n_clinical: int = 0, n_radiomic: int = 0
    ) -> dict[str, Any]:
        """Return what the network is made with, as its card keeps it."""
        own = dict(self.options or {})
        weights, _ = own.pop("weights", None), own.pop("channels", None)  # channels are those of the pictures
        return {
            **{name: getattr(self, name) for name in OF_NET},
            **({} if weights is None else {"weights": weights}),
            "encoder_options": {"size": list(sides), **own} if self.encoder == "pixels" else own,
            "modalities": n_modalities,
            "channels": channels,
            "clinical": n_clinical,
            **({"radiomics": n_radiomic} if n_radiomic else {}),  # keys of other networks stay as they were
            "head": list(self.head),
        }
