"""What a bundle folder says: its descriptions and tables, read and checked once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.format import DESCRIPTION, MANIFEST, RECIPE, TABLES
from radiofuse.bundle.manifest import read_manifest
from radiofuse.bundle.read import outcomes_in, read_description, read_table
from radiofuse.bundle.steps import ENCODES, ON_PICTURES, steps_in
from radiofuse.bundle.updates import versions_of
from radiofuse.errors import BundleError
from radiofuse.report.kinds import DETAILS, FUSION, KINDS, MODALITY, OTHER
from radiofuse.report.scored import WHOLE, Scored
from radiofuse.tables.outcomes import Outcome

OF_MODELS = (
    *("selected_features", "fusion_weights", "contributions"),
    *("importance_sums", "importance_agreement", "shapley"),
)
NEEDED = tuple(
    "name title radiofuse_version outcomes modalities clinical settings protocol n_features synthetic "
    "as_published warnings".split()
) + tuple(f"protocol.{name}" for name in "folds repeats inner_folds selector classifier primary seed words".split())


@dataclass(frozen=True)
class Contents(Scored):
    """A bundle's descriptions, and its tables by the names that the format gives them."""

    about: dict[str, Any]
    environment: dict[str, Any]
    kept_as: str
    recipe: str
    cohort_flow: pd.DataFrame
    modality_flow: pd.DataFrame
    baseline: pd.DataFrame
    subgroups: pd.DataFrame
    predictions: pd.DataFrame
    scores: pd.DataFrame
    learning_intervals: pd.DataFrame
    best_of_models: pd.DataFrame
    comparisons: pd.DataFrame
    against_reference: pd.DataFrame
    ledger: pd.DataFrame
    operating_points: pd.DataFrame
    prediction_sets: pd.DataFrame
    calibration: pd.DataFrame
    recalibrated: pd.DataFrame
    recalibrations: pd.DataFrame
    calibration_by_uncertainty: pd.DataFrame
    decision_curves: pd.DataFrame
    selected_features: pd.DataFrame
    fusion_weights: pd.DataFrame
    modality_weights: pd.DataFrame
    contributions: pd.DataFrame
    importance_sums: pd.DataFrame
    importance_agreement: pd.DataFrame
    shapley: pd.DataFrame
    published: pd.DataFrame
    failures: pd.DataFrame
    folds: pd.DataFrame
    tests: pd.DataFrame
    chosen_options: pd.DataFrame
    pseudo_labels: pd.DataFrame
    stability: pd.DataFrame
    sample_sizes: pd.DataFrame
    run_times: pd.DataFrame
    outcome: Outcome

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """What the run predicts."""
        return outcomes_in(self.about)

    def of(self, outcome: Outcome) -> Contents:
        """Return the contents with the tables' rows of one outcome."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name in TABLES}
        rows = {
            name: table[table["outcome"] == outcome.name] if "outcome" in table else table
            for name, table in own.items()
        }
        return replace(self, outcome=outcome, **rows)

    def of_class(self, name: str) -> Contents:
        """Return the contents with predictions and scores of one of several classes against the rest."""
        against_rest = Outcome(self.outcome.name, (f"not {name}", name))
        own = {table: getattr(self, table) for table in ("predictions", "scores", "learning_intervals")}
        rows = {table: cells[cells["class"] == name] for table, cells in own.items()}
        return replace(self, outcome=against_rest, **rows)

    def of_model(self, model: str) -> Contents:
        """Return the contents with the selected features and the weights of one of the run's models."""
        own = {table: getattr(self, table) for table in OF_MODELS}
        return replace(self, **{table: cells[cells["model"] == model] for table, cells in own.items()})

    @property
    def is_shared(self) -> bool:
        """Whether the bundle was made for handing on: its tables of single patients are empty."""
        own = self.about.get("pseudonyms") or {}
        return bool(own.get("shared") or own.get("was_shared"))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that have a probability each."""
        return self.outcome.told

    @cached_property
    def learned_anew(self) -> dict[str, Any]:
        """The rows of ``learning_intervals.csv`` by model: of the outcome as a whole."""
        rows = self.learning_intervals
        whole = rows[rows["class"] == WHOLE] if self.has_several_classes else rows
        return {row.model: row for row in whole.itertuples()}

    @property
    def protocol(self) -> dict[str, Any]:
        return self.about["protocol"]

    @property
    def primary(self) -> str:
        """The name of the main answer."""
        return self.protocol["primary"]

    @property
    def answer(self) -> str:
        """What the main answer is called in a sentence: a fusion, or a model."""
        return "fusion" if self.kind_of(self.primary) == FUSION else "model"

    @property
    def fusions(self) -> list[str]:
        """All fusions on all features, the primary one first."""
        named = self.words["models"].items()
        names = [self.primary, *(name for name, said in named if said["kind"] == FUSION)]
        updates = self.about.get("updates", {}).values()
        later = {one["answer"] for update in updates for one in versions_of(update)}  # no fusion of the run
        return [name for name in dict.fromkeys(names) if name not in later]

    @property
    def selecting(self) -> list[str]:
        """The models that selected features or weigh members, that of the main answer first."""
        named = dict.fromkeys([*self.selected_features["model"], *self.fusion_weights["model"]])
        return sorted(named, key=lambda model: model != self.main_model)

    @property
    def main_model(self) -> str:
        """The model that the main answer is of; none in a bundle that does not say."""
        return self.words.get("models", {}).get(self.primary, {}).get("model", "")

    @property
    def arms(self) -> list[str]:
        """The kinds of features that the fusions were also evaluated on alone: ``deep``, ``radiomics``."""
        return self.protocol.get("arms", [])

    @property
    def steps(self) -> list[str]:
        """The steps that some model of the run has, as ``bundle.steps`` names them."""
        return steps_in(self.about)

    @property
    def encoder(self) -> dict[str, Any] | None:
        """The encoder of deep features and how it was trained, None if no model reads its output."""
        return self.protocol.get("deep") if ENCODES in self.steps else None

    @property
    def networks(self) -> dict[str, Any] | None:
        """How networks on the pictures of all modalities were trained, None if no model is one."""
        return self.protocol.get("deep") if ON_PICTURES in self.steps else None

    @property
    def model_options(self) -> dict[str, Any]:
        """Every option of each model, defaults included; empty in a bundle from before they were kept."""
        return self.protocol.get("options", {}).get("models", {})

    @property
    def words(self) -> dict[str, Any]:
        """What the names of selector, classifier and models stand for; empty in a bundle from before that was kept."""
        return self.protocol.get("words", {})

    @property
    def chains(self) -> list[dict[str, Any]]:
        """The chains of the members: the ``models`` and ``members`` that have one, and its options by step."""
        return self.protocol.get("options", {}).get("chains", [])

    def step_options(self, step: str) -> dict[str, Any]:
        """Return the options of a step of the members' chains, or those that were set where all are not known."""
        found = [chain["steps"][step] for chain in self.chains if step in chain["steps"]]
        if found:
            return {name: value for name, value in found[0].items() if name != "class"}
        return self.protocol.get({"select": "selector_options", "classify": "classifier_options"}[step], {})

    def kind_of(self, model: str) -> str:
        """Say what a model is: a fusion, a single modality, either on one kind of features, or a reference."""
        said = self.words["models"].get(model)
        return said["kind"] if said else OTHER

    @property
    def models(self) -> list[str]:
        """All models: the primary fusion, the others, the modalities, other features, references."""
        scored = list(dict.fromkeys(self.scores["model"]))
        order = [model for model in dict.fromkeys([self.primary, *self.words["models"]]) if model in scored]
        # A model that is not known by name is shown too: a score left out would mislead.
        other = [model for model in scored if model not in order]
        return sorted(order + other, key=lambda model: KINDS.index(self.kind_of(model)))

    @property
    def main_models(self) -> list[str]:
        """The models that stand in the main tables and figures: all but the single modalities of an arm."""
        return [model for model in self.models if self.kind_of(model) not in DETAILS]

    @property
    def members(self) -> list[str]:
        """The modalities that features were selected in, or could have been, in the bundle's order."""
        found, known = dict.fromkeys(self.selected_features["modality"]), self.about["modalities"]
        read = [name for name in known if name in found or self._is_read(name)]
        return [*read, *(name for name in found if name not in known)]

    def _is_read(self, modality: str) -> bool:
        """Say whether the model that selected features reads a modality of which it chose none."""
        models, answers = set(self.selected_features["model"]), self.words["models"]
        said = [one["model"] for name, one in answers.items() if one["kind"] == MODALITY and name == modality]
        return not models or bool(models & set(said))


def read_contents(bundle: Path) -> Contents:
    """Read a bundle folder's descriptions and the tables that the report shows.

    Raises
    ------
    BundleError
        If the folder, a file, a column or an entry is missing, or a file cannot be parsed.
    """
    _require_files(bundle)
    tables = {field.name: read_table(bundle, field.name) for field in fields(Contents) if field.name in TABLES}
    about, manifest = read_description(bundle, NEEDED), read_manifest(bundle)
    return Contents(
        about=about,
        outcome=outcomes_in(about)[0],
        environment=manifest["environment"],
        kept_as=manifest["model"]["kept_as"],
        recipe=(bundle / RECIPE).read_text(encoding="utf-8"),
        **tables,
    )


def _require_files(bundle: Path) -> None:
    if not bundle.is_dir():
        raise BundleError(f"There is no bundle folder at {bundle}. Pass the folder that a run has written.")
    needed = (DESCRIPTION, MANIFEST, RECIPE, *(f"{name}.csv" for name in TABLES))
    missing = [name for name in needed if not (bundle / name).is_file()]
    if missing:
        raise BundleError(f"{bundle.name} lacks the file {', '.join(missing)}. Write the bundle again with a run.")
