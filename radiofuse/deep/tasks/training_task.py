"""The training of one multi-task network: all that its weights depend on, and the card that vouches for them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.scaling import Scaling, fit_scaling, scaled
from radiofuse.deep.tasks.batches import TaskRows, one_hot
from radiofuse.deep.tasks.cost import cost_of
from radiofuse.deep.tasks.loop import TaskPlan, refuse_options, train_tasks
from radiofuse.deep.tasks.region_maps import RegionMaps
from radiofuse.deep.tasks.whole_rows import WholeRows, twice
from radiofuse.deep.training.examples import held_out_rows
from radiofuse.deep.training.search import Trained
from radiofuse.deep.training.task import EncoderSpec, TrainingTask
from radiofuse.errors import RequestError
from radiofuse.store.picture_rows import PictureSource

log = logging.getLogger(__name__)

# Raised by hand whenever a multi-task training gives other numbers: the key of a trained network holds it.
TASKS_VERSION = 1


@dataclass(frozen=True, eq=False)
class MultiTaskTraining(TrainingTask):
    """The training of one network of several outcomes; ``labels`` has a column for each, NaN where it is unknown."""

    outcomes: Mapping[str, int] = field(default_factory=dict)  # classes by name, in the order of the columns
    plan: TaskPlan = field(default_factory=TaskPlan)
    regions: RegionMaps | None = None  # of the rows, in their order

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
    ) -> MultiTaskTraining:
        """Return the training on all rows, in the order of their sample ids, whatever order they came in."""
        refuse_options(spec.training)
        patients = np.asarray(groups, dtype=object).astype(str)
        order = np.array(sorted(range(len(labels)), key=lambda row: (rows.sample_ids[row], rows.keys[row])), dtype=int)
        n_classes = sum(outcomes.values())
        whole = spec, rows, order, labels[order], patients[order], int(seed), n_classes
        drawn = None if regions is None else regions.take(order.tolist())
        return cls(*whole, outcomes=outcomes, plan=plan, regions=drawn)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that the weights and the card depend on; JSON values only."""
        codings = None if self.regions is None else [self.regions.names, list(self.regions.codings)]
        own = {"outcomes": list(self.outcomes.values()), "plan": asdict(self.plan), "codings": codings}
        return {**super().inputs, "tasks": json.loads(json.dumps(own)), "tasks_version": TASKS_VERSION}

    def _train(self, checkpoint: Path | None) -> tuple[torch.nn.Module, dict[str, Any]]:
        spec, n_channels = self.spec, len(self.crops.names)
        pictures, counts = self.crops.pictures(self.rows), self.crops.counts(self.rows)
        _refuse_flat(pictures.shape, counts)
        scaling = self._scaling(pictures, counts)
        rows = TaskRows(
            scaled(pictures, counts, scaling),
            self.crops.beside[self.rows][:, :n_channels],
            {name: one_hot(self.labels[:, at], n) for at, (name, n) in enumerate(self.outcomes.items())},
            self.regions,
        )
        net = make_encoder(spec.encoder, self.seed, self.n_classes, spec.options)
        log.info("A network of %s.", cost_of(net, pictures.shape[2:]).sentence(spec.training.batch_size))
        train, held = self._split(rows)
        options = {"plan": self.plan, "training": spec.training, "seed": self.seed, "device": spec.device}
        history = train_tasks(net, train, held, checkpoint=checkpoint, **options)
        return net, self._card(Trained(net, history, {}, []), scaling)

    def _scaling(self, pictures: PictureSource, counts: np.ndarray) -> Scaling:
        """Return how intensities are scaled, measured on the patches alone; whole volumes have no masks."""
        tumors, options = self.crops.tumors(self.rows), {"over": self.spec.over}
        if isinstance(self.crops, WholeRows):
            return twice(fit_scaling(self.spec.intensities, self.crops.patches(self.rows), tumors, counts, **options))
        return fit_scaling(self.spec.intensities, pictures, tumors, counts, **options)

    def _split(self, rows: TaskRows) -> tuple[TaskRows, TaskRows | None]:
        """Return the rows to learn from, and those of a share of the patients, drawn whatever their labels."""
        share = self.spec.training.validation
        seed = int(np.random.SeedSequence(self.seed).generate_state(3)[2])
        held = held_out_rows(np.zeros(len(rows), dtype=int), self.groups, share, seed)
        return (_taken(rows, ~held), _taken(rows, held)) if held.any() else (rows, None)

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
    return TaskRows(_Some(rows.pictures, places), rows.present[places], targets, regions)
