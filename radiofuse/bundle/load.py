"""A bundle whose files are whole to its fitted models."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiofuse import notebook
from radiofuse.bundle.format import ENCODERS
from radiofuse.bundle.golden_rows import require_golden_answers
from radiofuse.bundle.model_file import read_models
from radiofuse.bundle.read import outcomes_in, read_description, read_table
from radiofuse.bundle.signature import require_signature
from radiofuse.bundle.steps import methods_in
from radiofuse.bundle.trust import refuse_untrusted, told_by
from radiofuse.bundle.updates import answering, updated_models
from radiofuse.bundle.verify import find_bundle, verify_bundle
from radiofuse.errors import BundleError, RequestError
from radiofuse.estimators import Answering
from radiofuse.fuse import attached
from radiofuse.names import did_you_mean
from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import listed
from radiofuse.work.environment import read_environment, version_differences

OLDEST_SKLEARN = [1, 8]  # the lowest of pyproject.toml; models of 1.7 end in an AttributeError

log = logging.getLogger(__name__)


class BundleVersionWarning(UserWarning):
    """A bundle was made with other versions of a package than the ones installed."""


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes
    ----------
    folder : Path
    models : dict of str to dict
        For each outcome its models by name, each fitted on every row in which the outcome is known; the first one
        gives the main answer.
    description : dict
        ``bundle.json``: outcomes, modalities, settings, protocol, warnings.
    pseudonyms : Pseudonyms or None
        Under which new patients are compared with training patients.
    """

    folder: Path
    models: dict[str, dict[str, Answering]]
    description: dict[str, Any]
    pseudonyms: Pseudonyms | None = None

    @property
    def model(self) -> Answering:
        """The model of the first outcome that gives the main answer."""
        return next(iter(self.models[self.outcomes[0].name].values()))

    @property
    def outcomes(self) -> list[Outcome]:
        """What the models predict."""
        return outcomes_in(self.description)

    def has_other_key(self, pseudonyms: Pseudonyms) -> bool:
        """Whether it knows its training patients under another key."""
        return _is_foreign(self.description, pseudonyms)

    def _repr_html_(self) -> str:
        about = self.description
        said = {
            "predicts": [outcome.phrase for outcome in self.outcomes],
            "modalities": about["modalities"],
            **methods_in(about),
            "answer": list(dict.fromkeys(answering(about, outcome.name) for outcome in self.outcomes)),
            "synthetic": about["synthetic"],
            **{f"as published {place}": deviation for place, deviation in enumerate(about["as_published"], start=1)},
            **{f"warning {place}": warning for place, warning in enumerate(about["warnings"], start=1)},
            "folder": self.folder,
        }
        scored = notebook.scores("Scores, out of fold, with 95% intervals", read_table(self.folder, "scores"))
        return notebook.page(notebook.pairs(about["title"], said), scored)


def load_bundle(
    folder: str | Path,
    *,
    signers: str | Path | None = None,
    pseudonyms: Pseudonyms | None = None,
    trust: Collection[str] = (),
) -> Bundle:
    """Load a bundle whose checksums all match.

    No code of the bundle is run: its models are arrays and JSON, and name classes of a fixed list. What would run code
    of somebody else is refused by name until the caller names it too. The models then answer the rows of the manifest,
    made when they were, as they did. The checksums prove that a bundle is whole, not who made it.

    Parameters
    ----------
    folder : path
        A bundle folder, or the output folder of a run that holds one.
    signers : path, optional
        Public keys of whom one trusts, as ``require_signature`` takes them: then a bundle that none of them signed is
        refused before anything of it is parsed.
    pseudonyms : Pseudonyms, optional
        Under which new patients are compared with training patients. A bundle that knows these by keyed hashes needs
        those of its own key: without them nobody is told that a patient was one of them.
    trust : collection of str, optional
        What may run beside this package: classes by ``package.module:Class``, "joblib" (a pickled model runs whatever
        its maker put there), "brain_command", "torchscript".

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        If an older version wrote the bundle, a file is missing, damaged or unknown, or scikit-learn was older than
        any that is supported; if the bundle would run what ``trust`` does not name; or if the model needs a module that
        cannot be imported; or if the models answer the golden rows otherwise than when they were made.

    Warns
    -----
    BundleVersionWarning
        If scikit-learn, numpy or an extraction library differs in its major or minor version.
    """
    folder = find_bundle(folder)
    if signers is not None:
        log.info("Signed by %s.", require_signature(folder, signers))
    manifest = verify_bundle(folder)
    description = read_description(folder)
    environment = manifest["environment"]
    _refuse_outdated(folder, environment["packages"].get("scikit-learn"))
    for sentence in version_differences(environment, read_environment()):
        warnings.warn(sentence, BundleVersionWarning, stacklevel=2)
    refuse_untrusted(folder, told_by(manifest, description), trust)
    models = attached(read_models(folder, manifest["model"], trust), weights=folder / ENCODERS)
    require_golden_answers(folder, updated_models(models, description), manifest["golden"], environment, description)
    return Bundle(folder, models, description, _comparing(folder, description, pseudonyms))


def load_model(
    folder: str | Path, *, outcome: str | None = None, name: str | None = None, trust: Collection[str] = ()
) -> Answering:
    """Return one fitted model of a bundle as the scikit-learn estimator that it is, however it is kept.

    Parameters
    ----------
    folder : path
        A bundle folder, or the output folder of a run that holds one.
    outcome : str, optional
        Left out, the first.
    name : str, optional
        Of the model; left out, the one that gives the main answer.
    trust : collection of str, optional
        As for ``load_bundle``; a bundle of ``radiofuse run --joblib`` asks for "joblib".

    Returns
    -------
    estimator
        With ``predict_proba(X)``, ``X`` being a DataFrame of the columns that ``bundle.json`` lists. Of a bundle that
        was updated, the updated probabilities.

    Raises
    ------
    BundleError
        As by ``load_bundle``.
    RequestError
        If there is no such outcome or model.
    """
    bundle = load_bundle(folder, trust=trust)
    models: Mapping[str, Any] = updated_models(bundle.models, bundle.description)
    own = models[_among(models, outcome, "outcome")]
    chosen: Answering = own[_among(own, name, "model")]
    return chosen


def _among(known: Mapping[str, Any], name: str | None, what: str) -> str:
    if name is None:
        return next(iter(known))
    if name not in known:
        raise RequestError(
            f"The bundle has no {what} {name!r}; it has {listed(list(known))}.{did_you_mean(name, known)}"
        )
    return name


def _is_foreign(about: dict[str, Any], given: Pseudonyms) -> bool:
    own = about.get("pseudonyms")
    return own is not None and bool(own["key"] != given.fingerprint)


def _comparing(folder: Path, about: dict[str, Any], given: Pseudonyms | None) -> Pseudonyms | None:
    """Return the pseudonyms under which patients are compared; refuse those of a key other than the bundle's own."""
    if given is not None and _is_foreign(about, given):
        raise BundleError(f"The key is not the one that the bundle {folder} was made with. Ask its maker which it was.")
    return given


def _refuse_outdated(folder: Path, made_with: str | None) -> None:
    """Raise where the scikit-learn that fitted a model lacks attributes that every supported one looks for."""
    if made_with is not None and [int(number) for number in re.findall(r"\d+", made_with)[:2]] < OLDEST_SKLEARN:
        raise BundleError(
            f"The bundle {folder} was made with scikit-learn {made_with}, whose models those from "
            f"{'.'.join(map(str, OLDEST_SKLEARN))} on cannot apply. Run its recipe.toml again, or predict with the "
            "versions that its manifest.json names."
        )
