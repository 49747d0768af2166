"""Estimators inside a model that hold files or data: found wherever they are, made portable, attached again."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from radiofuse.patients.pseudonyms import Pseudonyms
    from radiofuse.store.picture_rows import NamedRows, PictureRows

Model = TypeVar("Model")


@runtime_checkable
class HoldsFiles(Protocol):
    """An estimator that is more than its attributes: its weights lie on disk, and it reads data that lies elsewhere.

    Before it is fitted it has neither, and answers so.
    """

    def portable(self, folder: Path) -> HoldsFiles:
        """Return a copy whose files lie in ``folder`` and that names no other place."""

    def attached(
        self,
        *,
        weights: Path | None = None,
        crops: PictureRows | None = None,
        cache: str | Path | None = None,
        device: str | None = None,
    ) -> HoldsFiles:
        """Return a copy that finds its weights and its data at these places, and computes on this device."""

    def keyed(self, pseudonyms: Pseudonyms) -> HoldsFiles:
        """Return a copy that knows its training samples by keyed hashes, for handing on."""

    def training_ids(self) -> frozenset[str]:
        """Return the samples whose labels it has seen."""

    def rows_seen(self, crops: NamedRows) -> dict[int, str]:
        """Return the rows of these crops that it was trained on, with a sentence each."""

    def version_warning(self) -> str:
        """Return a sentence if it computes something else than when it was trained, else nothing."""


def portable(model: Model, folder: Path) -> Model:
    """Return a copy of a model whose files lie in one folder and that names no place of this machine.

    Parameters
    ----------
    model : estimator, or a dict, list or tuple of them
    folder : Path
        Made where there is something to put there.

    Returns
    -------
    model
        The same object where nothing inside holds files.
    """
    return _Replacing(lambda holder: holder.portable(folder)).of(model)


def attached(model: Model, **places: Any) -> Model:
    """Return a copy of a model whose parts find their files and their data at these places.

    Parameters
    ----------
    model : estimator, or a dict, list or tuple of them
    **places
        As the parts take them.
    """
    return _Replacing(lambda holder: holder.attached(**places)).of(model)


def keyed(model: Model, pseudonyms: Pseudonyms) -> Model:
    """Return a copy of a model whose parts know their training samples by keyed hashes.

    Parameters
    ----------
    model : estimator, or a dict, list or tuple of them
    pseudonyms : Pseudonyms
    """
    return _Replacing(lambda holder: holder.keyed(pseudonyms)).of(model)


def holders(*models: Any) -> list[HoldsFiles]:
    """Return the estimators inside models that hold files, fitted or not, each once.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> holders(LogisticRegression())
    []
    """
    found: list[HoldsFiles] = []

    def note(holder: HoldsFiles) -> HoldsFiles:
        found.append(holder)
        return holder

    _Replacing(note).of(models)
    return found


class _Replacing:
    """A walk through estimators and what they keep others in; what stands at two places stays one object."""

    def __init__(self, change: Callable[[HoldsFiles], HoldsFiles]) -> None:
        self._change = change
        self._done: dict[int, tuple[Any, Any]] = {}  # by identity, with the object, whose identity is then its own

    def of(self, value: Any) -> Any:
        if not isinstance(value, BaseEstimator | list | tuple | dict):
            return value
        if id(value) not in self._done:
            self._done[id(value)] = value, self._replaced(value)
        return self._done[id(value)][1]

    def _replaced(self, value: Any) -> Any:
        if isinstance(value, HoldsFiles):
            return self._change(value)
        inside = _inside(value)
        replaced = {key: self.of(item) for key, item in inside.items()}
        same = all(replaced[key] is item for key, item in inside.items())
        return value if same else _rebuilt(value, replaced)


def _inside(value: Any) -> dict[Any, Any]:
    if isinstance(value, BaseEstimator):
        return vars(value)
    return value if isinstance(value, dict) else dict(enumerate(value))


def _rebuilt(value: Any, inside: dict[Any, Any]) -> Any:
    if isinstance(value, BaseEstimator):
        value = copy(value)
        vars(value).update(inside)
        return value
    return type(value)(inside if isinstance(value, dict) else inside.values())
