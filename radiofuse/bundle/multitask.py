"""The multi-task networks inside a bundle, and how far their answers move when dropout goes on drawing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.new_rows import NewRows
from radiofuse.deep.dropout_spread import dropouts_of
from radiofuse.deep.tasks.estimator import MultiTaskNetwork
from radiofuse.errors import RequestError
from radiofuse.fuse import holders
from radiofuse.tables import columns

SPREAD = ["sample_id", "patient_id", "network", "outcome", "class", "mean", "sd", "passes"]


@dataclass(frozen=True, eq=False)
class TaskNetwork:
    """A multi-task network of a bundle.

    Attributes
    ----------
    name : str
        Of the model; where an outcome has a network of its own, and its outcome.
    estimator : MultiTaskNetwork
        Fitted, with the patches of new patients attached.
    """

    name: str
    estimator: MultiTaskNetwork

    def first_sequence(self, X: pd.DataFrame, sample_id: str) -> str | None:
        """Return the first of its sequences that a sample has a patch of; None where it has none."""
        row = X.loc[sample_id]
        there = (name for name in self.estimator.modalities_ if pd.notna(row[columns.join(name, columns.CROP)]))
        return next(there, None)


def multitask_networks(bundle: Bundle) -> list[TaskNetwork]:
    """Return the multi-task networks of a bundle's models, each once; none where no model holds one."""
    found: dict[str, tuple[str, str, MultiTaskNetwork]] = {}
    for outcome, models in bundle.models.items():
        for name, model in models.items():
            for one in holders(model):
                if isinstance(one, MultiTaskNetwork) and hasattr(one, "encoder_"):
                    found.setdefault(one.encoder_.key, (name, outcome, one))
    names = [name for name, _, _ in found.values()]
    return [
        TaskNetwork(name if names.count(name) == 1 else f"{name}_{outcome}", one)
        for name, outcome, one in found.values()
    ]


def refuse_without_dropout(bundle: Bundle, *, needed: bool) -> None:
    """Raise where no spread of dropout can be had, before anything is read.

    Parameters
    ----------
    bundle : Bundle
    needed : bool
        Whether there must be a multi-task network.

    Raises
    ------
    RequestError
        If there is none, or one has no dropout.
    """
    networks = multitask_networks(bundle)
    if needed and not networks:
        raise RequestError(
            "The bundle keeps no multi-task network, and of other networks --dropout-passes goes with --maps. Add "
            "--maps and a folder, or leave --dropout-passes out."
        )
    for network in networks:
        dropouts_of(network.estimator.encoder_.module())


def spread_of_rows(rows: NewRows, passes: int) -> pd.DataFrame:
    """Return mean and standard deviation of every multi-task network's probabilities over passes with dropout.

    The spread is that of the dropout, not the error of the model: a network can be wrong with little of it.

    Parameters
    ----------
    rows : NewRows
        As ``collect_rows`` returns them.
    passes : int

    Returns
    -------
    DataFrame
        ``SPREAD``: of an outcome of two classes a row for the positive one, of more one for each; none of samples
        without a patch.
    """
    found = [row for network in multitask_networks(rows.bundle) for row in _spread(network, rows, passes)]
    return pd.DataFrame(found, columns=SPREAD)


def _spread(network: TaskNetwork, rows: NewRows, passes: int) -> Iterator[dict[str, Any]]:
    there = [sample for sample in rows.X.index if network.first_sequence(rows.X, sample) is not None]
    outcomes, estimator = {one.name: one for one in rows.bundle.outcomes}, network.estimator
    told = estimator.dropout_passes(rows.X.loc[there], passes) if there else []
    for name, codes, drawn in zip(estimator.outcomes_, estimator.classes_, told, strict=bool(there)):
        classes = outcomes[name].classes
        shown = range(len(codes)) if len(classes) > 2 else [len(codes) - 1]
        for at, sample_id in enumerate(there):
            head = {"sample_id": sample_id, "patient_id": str(rows.patients[sample_id]), "network": network.name}
            for place in shown:
                mean, sd = float(np.mean(drawn[:, at, place])), float(np.std(drawn[:, at, place]))
                label = str(classes[int(codes[place])])
                yield head | {"outcome": name, "class": label, "mean": mean, "sd": sd, "passes": passes}
