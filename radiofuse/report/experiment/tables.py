"""The report's tables: rows of written-out cells, straight from the bundle's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.kinds import ARM_MEMBER, DETAILS, HEADINGS
from radiofuse.report.tables import (
    COMPARISON_HEADER,
    TOP_FEATURES,
    Row,
    Table,
    comparison_row,
    comparisons_table,
    further_metrics,
    grouped,
    name_value_table,
    points_table,
    score_cell,
    scores_table,
)
from radiofuse.report.wording import CLASSES_METRICS, FURTHER_METRICS, METRICS, estimate
from radiofuse.wording import count, listed, number, percent

MAX_FAILURES = 200
LATE_FUSION = "fusion"  # what the model that answers is called among a bundle's models
TITLES = {**FURTHER_METRICS, **CLASSES_METRICS, **METRICS}


def flow_table(contents: Contents) -> Table:
    """How many samples and patients were there at each step."""
    flow = contents.cohort_flow
    rows = tuple((row.step, count(row.n_samples), count(row.n_patients), row.note) for row in flow.itertuples())
    header = ("Step", "Samples", "Patients", "Note")
    return Table("From the cohort table to what was scored", header, (("", rows),), n_numbers=2)


def main_scores(contents: Contents) -> Table:
    """The main models by all metrics, with intervals."""
    return scores_table(contents, contents.main_models, "Scores with intervals, out of fold")


def further_scores(contents: Contents) -> Table | None:
    """The main models by the metrics of several classes that the main table leaves out, if there are any."""
    metrics = further_metrics(contents) if contents.has_several_classes else {}
    return scores_table(contents, contents.main_models, "Further scores, out of fold", metrics) if metrics else None


def overview_table(parts: Sequence[Contents]) -> Table:
    """What the outcomes of a run are, on how many patients, and what the main answer reaches in each."""
    known = [part.predictions["patient_id"].nunique() for part in parts]
    everybody = pd.concat([part.predictions["patient_id"] for part in parts]).nunique()
    rows = tuple(
        (
            part.outcome.name,
            score_cell(part, part.primary, "auc"),
            score_cell(part, part.primary, "balanced_accuracy"),
            count(n),
            count(everybody - n),
            "; ".join(f"{n_of_class:,} of {name}" for name, n_of_class in patients_by_class(part).items()),
        )
        for part, n in zip(parts, known, strict=True)
    )
    header = ("Outcome", "AUC", "Balanced accuracy", "Patients", "Unknown", "Patients by class")
    caption = f"The outcomes, and the scores of {parts[0].primary} in each"
    return Table(caption, header, (("", rows),), n_numbers=4)


def patients_by_class(contents: Contents) -> dict[str, int]:
    """Return how many patients are of each class; one with samples of several counts in each of them."""
    rows = contents.predictions
    own = rows[rows["label"] == 1].groupby("class")["patient_id"].nunique()
    told = {name: int(own.get(name, 0)) for name in contents.classes}
    if contents.has_several_classes:
        return told
    negative = contents.outcome.classes[0]  # has no rows of its own
    return {negative: rows.loc[rows["label"] == 0, "patient_id"].nunique(), **told}


def detail_tables(contents: Contents, arms: str) -> Iterator[dict[str, Any]]:
    """Yield what stands beside the main tables, kind by kind: heading, scores and comparisons of its models."""
    for kind in DETAILS:
        models = [model for model in contents.models if contents.kind_of(model) == kind]
        if not models:
            continue
        name = HEADINGS[kind][0].lower() + HEADINGS[kind][1:]
        of_arm = kind == ARM_MEMBER
        yield {
            "summary": f"The single modalities {arms}" if of_arm else HEADINGS[kind],
            "scores": scores_table(contents, models, f"Scores of {name}, out of fold"),
            "comparisons": comparisons_table(contents, models, ", on other features" if of_arm else f": {name}"),
        }


def names_table(contents: Contents) -> Table:
    """What each main model is in words, and what it does; no rows for a bundle that does not say."""
    words = contents.words.get("models", {})
    known = [model for model in contents.main_models if model in words]
    groups = grouped(contents, {model: [(model, words[model]["title"], words[model]["does"])] for model in known})
    return Table("What the models are", ("Model", "In words", "What it does"), groups, emphasized=contents.primary)


def main_comparisons(contents: Contents) -> Table:
    """What the primary fusion adds to each other main model."""
    return comparisons_table(contents, contents.main_models)


def reference_table(contents: Contents) -> Table | None:
    """What each main model has more than the reference of the recipe; None where it names none."""
    rows = {row.a: row for row in contents.against_reference.itertuples()}
    known = [model for model in contents.main_models if model in rows]
    if not known:
        return None
    cells = {model: [comparison_row(model, rows[model])] for model in known}
    caption = f"AUC of each model minus that of {rows[known[0]].b}"
    return Table(caption, COMPARISON_HEADER, grouped(contents, cells), n_numbers=4)


def calls_at_points(contents: Contents) -> Table | None:
    """The calls of the main models at the threshold that other patients chose; of outcomes of two classes."""
    title = "Threshold (lowest to highest of the folds)"
    return points_table(contents, contents.operating_points, "Calls at the operating point, out of fold", title)


def sets_table(contents: Contents) -> Table | None:
    """How often the primary model's prediction sets hold the true class; None where there are none."""
    rows = contents.prediction_sets[contents.prediction_sets["model"] == contents.primary]
    if rows.empty:
        return None
    found = tuple(
        (
            row.of_class or "all",
            estimate(row.coverage, row.low, row.high),
            *(percent(share) for share in (row.single, row.several, row.none)),
            "never" if np.isinf(row.limit) else number(1 - row.limit) if np.isfinite(row.limit) else "",
        )
        for row in rows.rename(columns={"class": "of_class"}).itertuples()
    )
    header = ("Patients of class", "Sets that hold it", "A single class", "Several", "None", "Left out below")
    level = percent(rows["level"].iloc[0])
    caption = f"Prediction sets of {contents.primary} that are to hold the true class in {level}"
    return Table(caption, header, (("", found),), n_numbers=5)


def selected_features(contents: Contents, modality: str) -> pd.DataFrame:
    """Return what was ever selected in a modality, the most often selected first."""
    rows = contents.selected_features[contents.selected_features["modality"] == modality]
    rows = rows[(rows["frequency"] > 0) | rows["in_final_model"]]
    return rows.sort_values(["frequency", "importance", "feature"], ascending=[False, False, True])


def features_table(features: pd.DataFrame, modality: str) -> Table:
    """The features that were chosen most often in one modality."""
    rows = tuple(
        (
            row.feature,
            percent(row.frequency),
            estimate(row.importance, row.importance_low, row.importance_high, 3),
            estimate(row.shap, row.shap_low, row.shap_high, 3),
            number(row.mean_coefficient, 3),
            "yes" if row.in_final_model else "no",
        )
        for row in features.head(TOP_FEATURES).itertuples()
    )
    header = ("Feature", "Folds", "Importance", "SHAP", "Coefficient", "Final model")
    return Table(f"Selected features of {modality}", header, (("", rows),), n_numbers=4)


def weights_table(contents: Contents) -> Table:
    """Every fusion's weight for every member; in-sample ones beside them where they are known."""
    header = ("Member", "Final model (95% interval)", "Mean over folds (middle 95%)", "In sample")
    n_columns = len(header) if contents.fusion_weights["in_sample"].notna().any() else len(header) - 1
    groups = tuple(
        (fusion, tuple(_weight_row(row)[:n_columns] for row in rows.itertuples()))
        for fusion, rows in weights_by_fusion(contents)
    )
    return Table("Weights of the members in each fusion", header[:n_columns], groups, n_numbers=n_columns - 1)


def weights_by_fusion(contents: Contents) -> list[tuple[str, pd.DataFrame]]:
    """Return each fusion's weights with its name, class by class where they are of a class."""
    fusions = contents.fusion_weights.groupby(["fusion", "class"], sort=False)
    return [(f"{fusion}, class {name}" if name else fusion, rows) for (fusion, name), rows in fusions]


def _weight_row(row: Any) -> Row:
    in_sample = number(row.in_sample) if np.isfinite(row.in_sample) else ""  # a rule that learns nothing has none
    final, folds = estimate(row.weight, row.weight_low, row.weight_high), estimate(row.mean, row.low, row.high)
    return row.member, final, folds, in_sample


def modality_weights_tables(contents: Contents) -> dict[str, Table]:
    """How each model that weighs modalities anew for every patient weighed those held out, by its name."""
    return {
        model: _modality_weights_table(rows) for model, rows in contents.modality_weights.groupby("model", sort=False)
    }


def _modality_weights_table(rows: pd.DataFrame) -> Table:
    members = tuple(rows["member"].unique())
    calls = {"all": "All", "right": "Called rightly", "wrong": "Called wrongly"}
    groups = tuple(
        (f"Class {name}" if name else "All classes", tuple(_weighed_row(calls[key], part) for key, part in of_calls))
        for name, of_class in rows.groupby("class", sort=False)
        for of_calls in [of_class.groupby("calls", sort=False)]
    )
    caption = "Weights of the modalities in held-out patients: mean (standard deviation)"
    return Table(caption, ("Answers", "Number", *members), groups, n_numbers=1 + len(members))


def _weighed_row(title: str, rows: pd.DataFrame) -> Row:
    cells = (f"{number(mean)} ({number(sd)})" for mean, sd in zip(rows["mean"], rows["sd"], strict=True))
    return title, count(rows["n_answers"].iloc[0]), *cells


def failures_table(contents: Contents) -> Table:
    """Samples whose features could not be computed, and why; at most ``MAX_FAILURES`` of them."""
    failures = contents.failures.head(MAX_FAILURES)
    rows = tuple((row.sample_id, row.modality, row.code, row.message) for row in failures.itertuples())
    return Table("Samples that failed", ("Sample", "Modality", "Code", "Message"), (("", rows),))


def settings_table(contents: Contents) -> Table:
    """What the features were computed with."""
    settings = {**contents.about["settings"], "features per modality": contents.about["n_features"]}
    return name_value_table("Settings of the features", _with_all_said(settings))


def _with_all_said(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Say "all" where the settings list no feature of a class, or no sub-bands: that means each of them."""
    radiomics = settings.get("radiomics")
    if not radiomics:
        return dict(settings)
    parameters = dict(radiomics.get("parameters") or {})
    if parameters.get("featureClass"):
        classes = parameters["featureClass"].items()
        parameters["featureClass"] = {name: features or "all" for name, features in classes}
    bands = radiomics.get("wavelet_subbands") or "all"
    return {**settings, "radiomics": {**radiomics, "parameters": parameters, "wavelet_subbands": bands}}


def options_table(contents: Contents) -> Table:
    """Every option of every model and of every step of its members, defaults included."""
    options = {_chain_name(chain): chain["steps"] for chain in contents.chains}
    return name_value_table("Options of every step, defaults included", {**options, **contents.model_options})


def _chain_name(chain: Mapping[str, Any]) -> str:
    """Return the members that have a chain; behind the model's name where the chain is not the late fusion's."""
    members = listed(chain["members"])
    return members if chain["models"][0] == LATE_FUSION else f"{listed(chain['models'])}: {members}"


def versions_table(contents: Contents) -> Table:
    """Python, platform and package versions of the run, and hashes of what it read."""
    read = contents.about.get("inputs", {})
    told = {title: read[name] for name, title in _INPUTS.items() if read.get(name)}
    return name_value_table("Software of the run, and what it read", {**contents.environment, **told})


_INPUTS = {
    "cohort_sha256": "cohort table (SHA-256)",
    "images_sha256": "images and masks (SHA-256 of their SHA-256, sorted)",
    "n_images": "different images and masks",
}
