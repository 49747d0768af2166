"""Where the networks of a bundle look in new patients' images: maps in the patients' own voxels, and their measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.networks import Network, Placed, networks_of, place
from radiofuse.bundle.new_rows import NewRows
from radiofuse.deep.dropout_spread import dropout_spread
from radiofuse.deep.maps.controls import center_prior, untrained
from radiofuse.deep.maps.network_maps import NetworkMap, kinds_there, network_maps, refuse_unknown_kinds
from radiofuse.errors import ImageError, RequestError
from radiofuse.progress import Meter, silent
from radiofuse.statistics.localization import CENTER, RANDOM, TRAINED, localization_row, localize

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Asked:
    """Which maps are asked for.

    Attributes
    ----------
    kinds : tuple of str
        Of ``deep.maps.network_maps.KINDS``; none: all that a network has.
    class_name : str
        The class that is explained; "": of two classes the positive one, of more the one that is called.
    passes : int
        Of dropout, for its spread; 0: none.
    drawn : mapping of str to str
        By sample a mask that the models do not read, for outlines and measures.
    """

    kinds: tuple[str, ...] = ()
    class_name: str = ""
    passes: int = 0
    drawn: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class VoxelMap:
    """A map in the voxels of the patient's image.

    Attributes
    ----------
    name, says : str
        Its kind, and in words what high values speak for.
    voxels : dict of str to ndarray of float32, shape (z, y, x)
        By channel; under "" one map for all channels. 0 where the network did not look.
    is_signed : bool
    gap : float or None
        As of ``NetworkMap``.
    """

    name: str
    says: str
    voxels: dict[str, np.ndarray]
    is_signed: bool
    gap: float | None

    @cached_property
    def strength(self) -> np.ndarray:
        """How much there is of it at each voxel, of whatever sign, over all channels."""
        return np.sum([np.abs(one) for one in self.voxels.values()], axis=0)


@dataclass(frozen=True, eq=False)
class SampleMaps:
    """The maps of one network in one sample.

    Attributes
    ----------
    network : str
    outcome, class_name : str
        What is explained.
    sample_id, patient_id : str
    placed : Placed
    maps : list of VoxelMap
    looked_at : ndarray of bool, shape (z, y, x)
        What the network saw.
    region : ndarray of bool or None
        The tumor, where there is a mask.
    localization : list of dict
        Rows of ``summarize_localization``'s table.
    spread : dict of str to float
        Mean, standard deviation and number of passes of dropout; empty where not asked for, or not there.
    notes : list of str
    """

    network: str
    outcome: str
    class_name: str
    sample_id: str
    patient_id: str
    placed: Placed
    maps: list[VoxelMap]
    looked_at: np.ndarray
    region: np.ndarray | None
    localization: list[dict[str, Any]] = field(default_factory=list)
    spread: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def networks_to_look_into(bundle: Bundle, asked: Asked) -> list[Network]:
    """Return the networks of a bundle whose maps are asked for; quick, so that it can be asked before anything is read.

    Raises
    ------
    BundleError
        If the bundle holds no network.
    RequestError
        If a kind of maps, or the class, is unknown.
    """
    refuse_unknown_kinds(asked.kinds)
    networks = networks_of(bundle)
    known = list(dict.fromkeys(name for network in networks for name in network.outcome.classes))
    if asked.class_name and asked.class_name not in known:
        raise RequestError(f"No network tells a class {asked.class_name!r}; the classes are {', '.join(known)}.")
    return [one for one in networks if not asked.class_name or asked.class_name in one.outcome.classes]


def maps_of_rows(
    rows: NewRows, predictions: pd.DataFrame, asked: Asked, *, progress: Meter = silent
) -> Iterator[SampleMaps]:
    """Yield the maps of every network in every sample that it has an answer for.

    Parameters
    ----------
    rows : NewRows
        As ``collect_rows`` returns them.
    predictions : DataFrame
        Of these rows, whose call says which of several classes is explained.
    asked : Asked
    progress : callable, optional

    Raises
    ------
    BundleError
        If the bundle holds no network.
    RequestError
        If a kind or the class is unknown.
    """
    networks = networks_to_look_into(rows.bundle, asked)
    pairs = [(network, sample_id) for network in networks for sample_id in rows.X.index]
    looking = {network.name: _Looking.of(network, asked) for network in networks}
    with progress("Making maps", "maps") as on_done:
        for done, (network, sample_id) in enumerate(pairs, start=1):
            row = network.row_of(rows.X, sample_id)
            if row is not None:
                yield looking[network.name].at(rows, predictions, sample_id, row)
            on_done(done, len(pairs))


@dataclass(frozen=True, eq=False)
class _Looking:
    """A network with what it is held against."""

    network: Network
    asked: Asked
    module: nn.Module
    kinds: list[str]
    notes: list[str]

    @classmethod
    def of(cls, network: Network, asked: Asked) -> _Looking:
        module = network.estimator.encoder_.module()
        return cls(network, asked, module, *kinds_there(module, asked.kinds))

    @cached_property
    def control(self) -> nn.Module:
        return untrained(self.network.estimator.encoder_)

    def at(self, rows: NewRows, predictions: pd.DataFrame, sample_id: str, row: int) -> SampleMaps:
        """Return the maps of one sample."""
        pictures = self.network.pictures(row)
        outcome, notes = self.network.outcome, list(self.notes)
        class_name = self.asked.class_name or _class_of(predictions, outcome, sample_id)
        number = outcome.classes.index(class_name)
        scaled, blank = self._scaled(pictures)
        drawn = self.asked.drawn.get(sample_id, "")
        placed = place(rows.bundle.description, rows.images, self.network.estimator.modality, sample_id, drawn)
        looked_at = placed.placing.onto(np.ones_like(pictures[:, 0])) > 0
        region = _region(placed, notes)
        made = self._those_there(scaled, blank, number, notes)
        phrase = f"{outcome.name} = {class_name}"
        maps = [self._in_voxels(one, placed, phrase) for one in made]
        of = (sample_id, str(rows.patients[sample_id]))
        rows_of: list[dict[str, Any]] = []
        if region is not None and maps:
            random = self._of_control(scaled, blank, number, placed, notes)
            prior = np.broadcast_to(center_prior(scaled.shape[2:]), (len(scaled), *scaled.shape[2:]))
            rows_of = self._localization(maps, random, placed.placing.onto(prior), region, looked_at, of)
        spread = self._spread(scaled, row, number, notes)
        return SampleMaps(
            self.network.name, outcome.name, class_name, *of, placed, maps, looked_at, region, rows_of, spread, notes
        )

    def _scaled(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pictures as the network reads them, and what it reads of a blank one: no head, 0 everywhere."""
        scaling = self.network.estimator.encoder_.scaling
        measured = scaling.measured(pictures)
        return scaling.apply(pictures, measured), scaling.apply(np.zeros_like(pictures[:1]), measured)

    def _those_there(self, scaled: np.ndarray, blank: np.ndarray, number: int, notes: list[str]) -> list[NetworkMap]:
        """Return the maps that can be made; a kind that cannot is told, and not asked for again."""
        made: list[NetworkMap] = []
        for kind in tuple(self.kinds):
            try:
                made += self._made(self.module, scaled, blank, number, [kind])
            except RequestError as error:
                self.kinds.remove(kind)
                self.notes.append(str(error))
                notes.append(str(error))
        return made

    def _made(
        self, module: nn.Module, scaled: np.ndarray, blank: np.ndarray, number: int, kinds: Sequence[str]
    ) -> list[NetworkMap]:
        return network_maps(module, scaled, blank, number, kinds, device=self.network.estimator.device)

    def _in_voxels(self, made: NetworkMap, placed: Placed, phrase: str) -> VoxelMap:
        names = list(placed.images) if made.is_signed else [""]
        voxels = {name: placed.placing.onto(made.values[:, channel]) for channel, name in enumerate(names)}
        says = made.says(phrase, len(self.network.outcome.classes))
        return VoxelMap(made.name, says, voxels, made.is_signed, made.gap)

    def _of_control(
        self, scaled: np.ndarray, blank: np.ndarray, number: int, placed: Placed, notes: list[str]
    ) -> dict[str, np.ndarray]:
        """Return the strength of each map with random weights, by name; a control that cannot be made is told."""
        try:
            made = self._made(self.control, scaled, blank, number, self.kinds)
        except RequestError as error:
            notes.append(f"Maps of {self.network.name} are not held against random weights: {error}")
            return {}
        return {one.name: self._in_voxels(one, placed, "").strength for one in made}

    def _localization(
        self,
        maps: Sequence[VoxelMap],
        random: Mapping[str, np.ndarray],
        prior: np.ndarray,
        region: np.ndarray,
        looked_at: np.ndarray,
        of: tuple[str, str],
    ) -> list[dict[str, Any]]:
        """Return the measures of each map, of the same with random weights, and of the middle of the pictures."""
        center, rows = localize(prior, region, looked_at), []
        for own in maps:
            told = {TRAINED: localize(own.strength, region, looked_at), CENTER: center}
            if own.name in random:
                told[RANDOM] = localize(random[own.name], region, looked_at)
            rows += [localization_row((self.network.name, own.name), name, of, one) for name, one in told.items()]
        return rows

    def _spread(self, scaled: np.ndarray, row: int, number: int, notes: list[str]) -> dict[str, float]:
        if not self.asked.passes:
            return {}
        estimator, n_classes = self.network.estimator, len(self.network.outcome.classes)
        options: dict[str, Any] = {"passes": self.asked.passes, "n_classes": n_classes, "device": estimator.device}
        options |= {"aggregate": estimator.aggregate, "largest": self.network.largest(row)}
        try:
            told = dropout_spread(self.module, scaled, np.array([len(scaled)]), **options)
        except RequestError as error:
            notes.append(str(error))
            return {}
        return {"mean": float(told.mean[0, number]), "sd": float(told.sd[0, number]), "passes": self.asked.passes}


def _class_of(predictions: pd.DataFrame, outcome: Any, sample_id: str) -> str:
    """Return the class to explain: of two the positive one, of more the one that is called."""
    if outcome.is_binary:
        return outcome.positive
    rows = predictions[(predictions["sample_id"] == sample_id) & (predictions["outcome"] == outcome.name)]
    called = rows["call"].iloc[0] if len(rows) else None
    return str(called) if called in outcome.classes else str(outcome.classes[-1])


def _region(placed: Placed, notes: list[str]) -> np.ndarray | None:
    """Return the tumor's voxels; a mask that cannot be used costs the outline and the measures alone."""
    try:
        region = placed.region()
    except ImageError as error:
        notes.append(f"Without outline and localization: the mask could not be used, {error.code}: {error}")
        return None
    return region if region is not None and region.any() else None
