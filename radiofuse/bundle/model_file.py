"""The models of a bundle as files: arrays and JSON that load without running code, or pickled for those who ask."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import joblib
from sklearn.exceptions import InconsistentVersionWarning

from radiofuse.bundle.format import ARRAYS, MODEL, PICKLED
from radiofuse.bundle.manifest import AGAIN
from radiofuse.bundle.plain_reader import DamagedModelError, NotTrustedError, from_plain
from radiofuse.bundle.plain_writer import NotPlainError, PlainModel, to_plain
from radiofuse.bundle.trust import JOBLIB, refuse_untrusted, told_by_objects
from radiofuse.deep.requirement import HOW_TO_INSTALL
from radiofuse.errors import BundleError
from radiofuse.wording import listed

log = logging.getLogger(__name__)

PLAIN = "arrays"
Models = dict[str, dict[str, Any]]


def write_models(models: Models, folder: Path, *, pickled: bool) -> dict[str, Any]:
    """Write models into a folder, and return what the manifest says of how they are kept.

    Parameters
    ----------
    models : dict of str to dict
        By outcome and name.
    folder : Path
    pickled : bool
        Whether joblib shall write them; it does too where arrays and JSON cannot hold what is in them.
    """
    try:
        plain = to_plain(models)
    except NotPlainError as reason:
        if not pickled:
            log.warning("The model holds %s: %s.", reason, _only_for_the_trusting())
        return _pickled(models, folder, f"it holds {reason}" if not pickled else "asked for", [])
    own = list(plain.own)
    if pickled:
        return _pickled(models, folder, "asked for", own)
    if own:
        log.warning("The model holds code that is not radiofuse's (%s): it loads with --trust NAME alone.", listed(own))
    _write_plain(plain, folder)
    return {"kept_as": PLAIN, "own_code": own, "why": ""}


def _only_for_the_trusting() -> str:
    return f"it is pickled into {PICKLED}, and loads with --trust {JOBLIB} alone"


def _pickled(models: Models, folder: Path, why: str, own: list[str]) -> dict[str, Any]:
    joblib.dump(models, folder / PICKLED)
    return {"kept_as": JOBLIB, "own_code": own, "why": why}


def _write_plain(plain: PlainModel, folder: Path) -> None:
    text = json.dumps({"records": plain.records}, allow_nan=False, separators=(",", ":"))
    (folder / MODEL).write_text(text + "\n", encoding="ascii")
    (folder / ARRAYS).write_bytes(plain.content)


def read_models(folder: Path, kept: Mapping[str, Any], trust: Collection[str]) -> Models:
    """Return the models of a bundle that is whole.

    Parameters
    ----------
    folder : Path
    kept : mapping
        What the manifest says of how they are kept.
    trust : collection of str
        What the caller named; of a pickled model it was asked for before.

    Raises
    ------
    BundleError
        If a model names code that is not trusted, is damaged, or needs a module that is not here.
    """
    try:
        return _unpickled(folder) if kept["kept_as"] == JOBLIB else _read_plain(folder, trust)
    except DamagedModelError as error:
        raise BundleError(
            f"The model of {folder} is damaged ({error}). Get the bundle again from its maker."
        ) from error
    except (ImportError, AttributeError) as error:
        raise BundleError(_lacking_code(folder, error)) from error


def _read_plain(folder: Path, trust: Collection[str]) -> Models:
    try:
        records = json.loads((folder / MODEL).read_text(encoding="ascii"))["records"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise DamagedModelError(f"{MODEL} is not what was written: {error}") from error
    try:
        made = from_plain(records, (folder / ARRAYS).read_bytes(), trust)
    except NotTrustedError as error:
        if moved := [name for name in error.names if name.startswith("radiofuse.")]:
            raise BundleError(
                f"The model of {folder} holds {listed(moved)}, which this version of radiofuse does not know. {AGAIN}"
            ) from None
        refuse_untrusted(folder, {name: f"its model holds {name}" for name in error.names}, ())
        raise
    refuse_untrusted(folder, told_by_objects(made), trust)
    models = made[-1]
    if not (isinstance(models, dict) and all(isinstance(own, dict) for own in models.values())):
        raise DamagedModelError("models by outcome and name were expected")
    return models


def _unpickled(folder: Path) -> Models:
    with warnings.catch_warnings():
        # Said in one sentence for the whole bundle; scikit-learn says it of every class in it.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        models: Models = joblib.load(folder / PICKLED)
    return models


def _lacking_code(folder: Path, error: ImportError | AttributeError) -> str:
    missing = str(getattr(error, "name", None) or "")
    if missing in ("torch", "safetensors"):
        return f"The model of {folder} holds encoders, which need {missing}; {HOW_TO_INSTALL}."
    said = f"The model of {folder} was built with code that is not here ({error})."
    if missing.partition(".")[0] == "radiofuse":  # a class of ours that has moved without a new schema
        return f"{said} {AGAIN}"
    return f"{said} Put the module of its own selector or classifier on the path (PYTHONPATH)."
