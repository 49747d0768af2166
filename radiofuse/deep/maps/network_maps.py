"""All maps of one network: which it has, how each is made, and what each says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from radiofuse.deep.maps.attention import attention_maps, has_attention
from radiofuse.deep.maps.explained import refuse_without_gradient
from radiofuse.deep.maps.grad_cam import grad_cam
from radiofuse.deep.maps.integrated_gradients import integrated_gradients
from radiofuse.errors import RequestError

ATTENTION, GRAD_CAM, INTEGRATED = "attention", "grad_cam", "integrated_gradients"
KINDS = (ATTENTION, GRAD_CAM, INTEGRATED)
STEPS, LARGEST_GAP = (24, 96), 0.05  # more steps where the sum is further off than that share
SAYS = {
    ATTENTION: "How much of each place passes the gate, for whichever class",
    GRAD_CAM: "Where the last map raises the network's {what} of {phrase}; what lowers it is cut off at 0",
    INTEGRATED: "What each place adds to the network's {what} of {phrase}: above 0 speaks for it, below 0 against it",
}


@dataclass(frozen=True, eq=False)
class NetworkMap:
    """A map of some pictures.

    Attributes
    ----------
    name : str
        One of ``KINDS``; of attention with the gate, such as attention_pool3.
    values : ndarray of float32, shape (n, 1, …) or (n, channels, …)
        One map for all channels, or one for each.
    gap : float or None
        Of integrated gradients ``worst_gap``: how far the shares of a picture are from their sum, at most.
    """

    name: str
    values: np.ndarray
    gap: float | None = None

    @property
    def is_signed(self) -> bool:
        """Whether values below 0 speak against the class."""
        return self.name == INTEGRATED

    def says(self, phrase: str, n_classes: int = 2) -> str:
        """Return in words what high values speak for.

        >>> NetworkMap("grad_cam", np.zeros((1, 1, 2, 2))).says("idh = mutant")
        "Where the last map raises the network's log-odds of idh = mutant; what lowers it is cut off at 0"
        """
        what = "log-odds" if n_classes == 2 else "logit"
        return SAYS[ATTENTION if self.name.startswith(ATTENTION) else self.name].format(what=what, phrase=phrase)


def refuse_unknown_kinds(kinds: Sequence[str]) -> None:
    """Raise RequestError unless every kind is one of ``KINDS``."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise RequestError(f"There are no maps of the kind {unknown[0]!r}; the kinds are {', '.join(KINDS)}.")


def kinds_there(module: nn.Module, kinds: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Return which kinds of maps a network has, of those asked for or of all, and a sentence on each it lacks.

    Parameters
    ----------
    module : nn.Module
    kinds : sequence of str, optional
        Some of ``KINDS``; left out, all that there are, and only a frozen encoder's lack is told.
    """
    there, notes = list(kinds or KINDS), []
    if not has_attention(module) and ATTENTION in there:
        there.remove(ATTENTION)
        notes += [f"{type(module).__name__} has no attention maps."] if kinds else []
    try:
        refuse_without_gradient(module)
    except RequestError as error:
        if {GRAD_CAM, INTEGRATED} & {*there}:
            notes.append(str(error))
        there = [kind for kind in there if kind == ATTENTION]
    return there, notes


def network_maps(
    module: nn.Module,
    pictures: np.ndarray,
    blank: np.ndarray,
    class_number: int,
    kinds: Sequence[str] = KINDS,
    *,
    device: str = "auto",
) -> list[NetworkMap]:
    """Return the maps of some pictures.

    Parameters
    ----------
    module : nn.Module
        That has these kinds, see ``kinds_there``.
    pictures : ndarray of float32, shape (n, channels, …)
        Scaled as those the network learned from.
    blank : ndarray of float32, broadcast to the shape of the pictures
        Where the path of integrated gradients begins.
    class_number : int
        The class that Grad-CAM and integrated gradients explain.
    kinds : sequence of str
    device : str, default="auto"
    """
    found: list[NetworkMap] = []
    if ATTENTION in kinds:
        gates = attention_maps(module, pictures, device=device)
        found += [NetworkMap(f"{ATTENTION}_{gate}", values[:, None]) for gate, values in gates.items()]
    if GRAD_CAM in kinds:
        found.append(NetworkMap(GRAD_CAM, grad_cam(module, pictures, class_number, device=device)[:, None]))
    if INTEGRATED in kinds:
        found.append(_integrated(module, pictures, blank, class_number, device))
    return found


def _integrated(
    module: nn.Module, pictures: np.ndarray, blank: np.ndarray, class_number: int, device: str
) -> NetworkMap:
    """Return integrated gradients by as many steps as their sum asks for."""
    for steps in STEPS:
        told = integrated_gradients(module, pictures, blank, class_number, steps=steps, device=device)
        if told.worst_gap <= LARGEST_GAP:
            break
    return NetworkMap(INTEGRATED, told.values, told.worst_gap)
