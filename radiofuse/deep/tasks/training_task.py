"""The training of one multi-task network: all that its weights depend on, and the card that vouches for them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from radiofuse.deep.device import choose_device, memory_of
from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.scaling import Scaling, fit_scaling, scaled
from radiofuse.deep.tasks.batches import REGIONS, TaskRows, one_hot
from radiofuse.deep.tasks.cost import Cost, cost_of
from radiofuse.deep.tasks.held_patients import held_of, warn_of_unjudged
from radiofuse.deep.tasks.loop import TaskPlan, refuse_options, train_tasks
from radiofuse.deep.tasks.region_maps import RegionMaps
from radiofuse.deep.tasks.whole_rows import WholeRows, twice
from radiofuse.deep.training.search import Trained
from radiofuse.deep.training.task import EncoderSpec, TrainingTask
from radiofuse.errors import RequestError
from radiofuse.store.picture_rows import PictureSource

log = logging.getLogger(__name__)

# Raised by hand whenever a multi-task training gives other numbers: the key of a trained network holds it.
TASKS_VERSION = 3


@dataclass(frozen=True, eq=False)
class MultiTaskTraining(TrainingTask):
    """The training of one network of several outcomes; ``labels`` has a column for each, NaN where it is unknown."""

    outcomes: Mapping[str, int] = field(default_factory=dict)  # classes by name, in the order of the columns
    plan: TaskPlan = field(default_factory=TaskPlan)
    regions: RegionMaps | None = None  # of the rows, in their order
    true: np.ndarray | None = None  # labels without pseudo-labels, by which those held out are chosen and judged

    @classmethod
    def of(
        cls,
        spec: EncoderSpec,
        rows: SampleRows,
        labels: np.ndarray,
        groups: Sequence[Any],
        seed: int,
        outcomes: Mapping[str, int],
        plan: TaskPlan,
        regions: RegionMaps | None,
        true: np.ndarray | None = None,
    ) -> MultiTaskTraining:
        """Return the training on all rows, in the order of their sample ids, whatever order they came in.

        Raises
        ------
        RequestError
            If an option is of networks of one outcome.
        CohortError
            If patients are to be held out, and none can be.
        """
        refuse_options(spec.training)
        patients = np.asarray(groups, dtype=object).astype(str)
        order = np.array(sorted(range(len(labels)), key=lambda row: (rows.sample_ids[row], rows.keys[row])), dtype=int)
        n_classes = sum(outcomes.values())
        whole = spec, rows, order, labels[order], patients[order], int(seed), n_classes
        drawn = None if regions is None else regions.take(order.tolist())
        task = cls(*whole, outcomes=outcomes, plan=plan, regions=drawn, true=None if true is None else true[order])
        warn_of_unjudged(task.known, task.held)  # here, since a network that is kept is not trained again
        return task

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that the weights and the card depend on; JSON values only."""
        codings = None if self.regions is None else [self.regions.names, list(self.regions.codings)]
        own: dict[str, Any] = {"outcomes": list(self.outcomes.items()), "plan": asdict(self.plan), "codings": codings}
        if self.spec.training.validation and self._has_pseudo_labels:
            own["known"] = [[None if np.isnan(one) else one for one in row] for row in self.true_labels.tolist()]
        return {**super().inputs, "tasks": json.loads(json.dumps(own)), "tasks_version": TASKS_VERSION}

    @property
    def true_labels(self) -> np.ndarray:
        """The labels without pseudo-labels, as ``labels``."""
        return self.labels if self.true is None else self.true

    @property
    def _has_pseudo_labels(self) -> bool:
        return not np.array_equal(self.labels, self.true_labels, equal_nan=True)

    def _train(self, checkpoint: Path | None) -> tuple[torch.nn.Module, dict[str, Any]]:
        spec, n_channels = self.spec, len(self.crops.names)
        pictures, counts = self.crops.pictures(self.rows), self.crops.counts(self.rows)
        _refuse_flat(pictures.shape, counts)
        scaling = self._scaling(pictures, counts)
        rows = TaskRows(
            scaled(pictures, counts, scaling),
            self.crops.beside[self.rows][:, :n_channels],
            self._targets(self.labels),
            self.regions,
            self.groups,
        )
        net = make_encoder(spec.encoder, self.seed, self.n_classes, spec.options)
        _tell_cost(cost_of(net, pictures.shape[2:]), spec.training.batch_size, spec.device)
        train = _taken(rows, ~self.held)
        judges = replace(rows, targets=self._targets(self.true_labels))
        held = _taken(judges, self.held) if self.held.any() else None
        options = {"plan": self.plan, "training": spec.training, "seed": self.seed, "device": spec.device}
        history = train_tasks(net, train, held, checkpoint=checkpoint, **options)
        return net, self._card(Trained(net, history, {}, []), scaling)

    def _targets(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        return {name: one_hot(labels[:, at], n) for at, (name, n) in enumerate(self.outcomes.items())}

    def _scaling(self, pictures: PictureSource, counts: np.ndarray) -> Scaling:
        """Return how intensities are scaled, measured on the patches alone; whole volumes have no masks."""
        tumors, options = self.crops.tumors(self.rows), {"over": self.spec.over}
        if isinstance(self.crops, WholeRows):
            return twice(fit_scaling(self.spec.intensities, self.crops.patches(self.rows), tumors, counts, **options))
        return fit_scaling(self.spec.intensities, pictures, tumors, counts, **options)

    @cached_property
    def known(self) -> pd.DataFrame:
        """What is truly known of each row: the place of each outcome's class, and 0 where there is a mask, else NaN."""
        table = pd.DataFrame(self.true_labels, columns=list(self.outcomes))
        if self.regions is None:
            return table
        return table.assign(**{REGIONS: [np.nan if one is None else 0.0 for one in self.regions.maps]})

    @cached_property
    def held(self) -> np.ndarray:
        """Which rows are held out to tell the epoch that is kept, bool (n,)."""
        seed = int(np.random.SeedSequence(self.seed).generate_state(3)[2])
        return held_of(self.known, list(self.outcomes), self.groups, self.spec.training.validation, seed)

    def _card(self, trained: Trained, scaling: Scaling) -> dict[str, Any]:
        names = [] if self.regions is None else list(self.regions.names)
        tasks = {"outcomes": dict(self.outcomes), "regions": names, **asdict(self.plan)}
        return {**super()._card(trained, scaling), "tasks": tasks}


def _refuse_flat(shape: tuple[int, ...], counts: np.ndarray) -> None:
    if len(shape) != 5 or (counts != 1).any():
        raise RequestError(
            "A multi-task network reads one patch of voxels of each sequence, and these pictures are slices. Write "
            "dimensions = 3 under [deep] in the recipe; in Python make them with VolumePatch."
        )


class _Some:
    """Some of the pictures of a source, by their places."""

    def __init__(self, source: Any, places: np.ndarray) -> None:
        self._source, self._places = source, places

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self._places), *self._source.shape[1:]

    def __getitem__(self, asked: Any) -> np.ndarray:
        return self._source[self._places[asked]]


def _taken(rows: TaskRows, chosen: np.ndarray) -> TaskRows:
    places = np.flatnonzero(chosen)
    targets = {name: one[places] for name, one in rows.targets.items()}
    regions = None if rows.regions is None else rows.regions.take(places.tolist())
    patients = None if rows.patients is None else rows.patients[places]
    return TaskRows(_Some(rows.pictures, places), rows.present[places], targets, regions, patients)


def _tell_cost(cost: Cost, rows: int, device: str) -> None:
    """Say what a training needs, and that it is more than the device has."""
    log.info("A network of %s.", cost.sentence(rows))
    there = memory_of(choose_device(device))
    if there is not None and cost.of_a_step(rows) > there:
        log.warning(
            "A step of %d patches keeps about %.2g GB, and there are %.2g GB of memory. Take a smaller batch_size or "
            "size, or one level of widths more.",
            rows,
            cost.of_a_step(rows) / 1e9,
            there / 1e9,
        )
