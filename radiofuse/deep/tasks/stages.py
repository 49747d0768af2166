"""The stages around a multi-task training as options of the estimator: what is hidden, pre-trained, trained again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.tasks.distillation import SelfDistillation
from radiofuse.deep.tasks.loop import TaskPlan
from radiofuse.deep.tasks.losses import Weighting
from radiofuse.deep.tasks.self_training import SelfTraining, Stage, asked, train_again
from radiofuse.deep.tasks.siamese import SequencePretraining
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import RequestError


class Stages:
    """The parameters of an estimator that say what stands around its training."""

    uncertainty_weighted: Weighting
    tumor_cutmix: float
    dropout: float
    modality_dropout: bool
    self_distillation: bool | Mapping[str, Any]
    pretraining: bool | Mapping[str, Any]
    self_training: bool | Mapping[str, Any]
    device: str
    outcomes_: list[str]
    pseudo_labels_: pd.DataFrame | None

    @property
    def semi_supervised(self) -> bool:
        """Whether something is learned from patients without any label."""
        return bool(self.self_training or self.pretraining)

    def _probabilities(self, logits: np.ndarray) -> list[np.ndarray]:
        raise NotImplementedError

    def _plan(self) -> TaskPlan:
        """Return what is asked of the training.

        Raises
        ------
        RequestError
            If options are none, or undo each other.
        """
        distillation = asked(SelfDistillation, self.self_distillation, "self_distillation")
        if distillation and self.modality_dropout:
            raise RequestError(
                "self_distillation hides sequences from one of two passes, and modality_dropout would hide some from "
                "both. Leave modality_dropout out."
            )
        pretraining = asked(SequencePretraining, self.pretraining, "pretraining")
        return TaskPlan(self.uncertainty_weighted, float(self.tumor_cutmix), distillation, pretraining)

    def _second_stage(self) -> SelfTraining | None:
        """Return how a second network is trained, None without one."""
        second = asked(SelfTraining, self.self_training, "self_training")
        if second and not self.dropout:
            raise RequestError(
                "self_training tells by passes with dropout what the network is sure of, and dropout is 0. Set it to "
                "0.2, for example, or leave self_training out."
            )
        return second

    def _kept(self, outcome: str) -> dict[str, dict[str, str]]:
        """Return how many of an outcome's unknown labels were told by the first network, as folds record choices."""
        if self.pseudo_labels_ is None:
            return {}
        own = self.pseudo_labels_.query("outcome == @outcome")
        return {"self_training": {"pseudo_labels": f"{int(own['kept'].sum())} of {len(own)}"}}

    def _trained(
        self, train: Callable[[np.ndarray, int], TrainedEncoder], rows: SampleRows, labels: np.ndarray, seed: int
    ) -> tuple[TrainedEncoder, pd.DataFrame | None]:
        """Return the network, trained once or twice, and the pseudo-labels; None where none were asked for.

        Parameters
        ----------
        train : callable
            Of labels (n, n_outcomes) and a seed; of these rows.
        rows : SampleRows
        labels : ndarray of shape (n, n_outcomes)
        seed : int
        """
        second = self._second_stage()
        if second is None:
            return train(labels, seed), None
        second.refuse_unknown(self.outcomes_)
        again = int(np.random.SeedSequence([seed, 2]).generate_state(1)[0] >> 1)
        stage = Stage(train, self._probabilities, again, self.device)
        known = pd.DataFrame(labels, columns=self.outcomes_)
        return train_again(train(labels, seed), rows, known, second, stage)
