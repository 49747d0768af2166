"""A model card for whoever finds the folder of a bundle: metadata that machines read, then what the run found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from radiofuse.bundle.card_metadata import front_matter
from radiofuse.bundle.card_text import cell, line, points, table_of
from radiofuse.bundle.read import outcomes_in
from radiofuse.bundle.steps import methods_in
from radiofuse.bundle.updates import answering, versions_of
from radiofuse.wording import interval, listed, number

LOADS_SAFELY = "Loading it runs no code of its maker: its models are arrays and JSON."
TRUST = "It loads only where its maker is trusted (`--trust`): it runs code that is not radiofuse's own ({})."
SHOWN = ("auc", "auc_hand_till", "balanced_accuracy", "accuracy", "recall", "specificity", "brier")


def model_card(
    description: Mapping[str, Any],
    environment: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    would_run: Collection[str] = (),
) -> str:
    """Return a model card in Markdown, as Hugging Face reads it; every statement in it is the run's.

    Parameters
    ----------
    description, environment : mapping
        As in ``bundle.json``, and the versions in ``manifest.json``.
    tables : mapping of str to DataFrame
        The tables of the bundle.
    would_run : collection of str, optional
        What of the bundle is not this package's own code, as whoever loads it must name it.

    References
    ----------
    M. Mitchell et al., "Model cards for model reporting", FAT* 2019.
    """
    parts = [front_matter(description, tables), f"# {line(description['title'])}", *_first_words(description)]
    sections = [
        *_sections(description, environment, tables),
        ("How to load it", _loading(environment, description, would_run)),
    ]
    for heading, words in sections:
        if told := [one for one in words if one]:
            parts += [f"## {heading}", *told]
    return "\n\n".join(parts) + "\n"


def _first_words(about: Mapping[str, Any]) -> Iterator[str]:
    if about["synthetic"]:
        yield "**Trained on synthetic data. Not for any patient.**"
    yield "For research. Not a medical device."


def _sections(
    about: Mapping[str, Any], environment: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Intended use", _intended_use(about)
    yield "Out of scope", [points(OUT_OF_SCOPE)]
    yield "Training patients", _training(about, tables)
    yield "How it was evaluated", _evaluation(about)
    yield "Scores", _scores(about, tables["scores"])
    yield "Calibration", _calibration(about, tables["calibration"])
    yield "Updates on other patients", _updates(about)
    yield "Thresholds", _thresholds(about, tables["operating_points"])
    yield "Subgroups", _subgroups(about, tables["subgroups"])
    yield "Deviations from the rules of radiofuse", [points(map(line, about["as_published"])) or "None."]
    yield "Warnings of the run", [points(map(line, about["warnings"])) or "None."]
    yield "How to cite it", [CITING.format(version=line(about["radiofuse_version"]))]


UPDATES = {
    "none": "nothing, since tests found no miscalibration there",
    "unmended": "nothing, though tests found miscalibration there, which no update may mend",
    "intercept": "another intercept",
    "slope": "another intercept and slope",
}
WHEN, MEASURED = ("before", "after"), ("slope", "intercept", "brier", "log_loss")
OUT_OF_SCOPE = (
    "Decisions on a patient's care: nobody has shown that the model improves any.",
    "Images of other sequences, and regions drawn by other rules, than the training patients have.",
    "Groups of patients that the training patients do not represent. `radiofuse evaluate` scores the model on labeled "
    "patients of another site; do so before any use there.",
)
CITING = (
    "The run names no author and no paper: whoever publishes this bundle writes them here. It was made with "
    "radiofuse {version}; `recipe.toml` says how."
)


def _intended_use(about: Mapping[str, Any]) -> Iterator[str]:
    methods = {**methods_in(about), "answer": listed(_answers(about))}
    yield points(
        [
            f"Predicts: {'; '.join(line(outcome.phrase) for outcome in outcomes_in(about))}",
            f"Reads: {', '.join(map(line, about['modalities']))}",
            *(f"{name.capitalize()}: {line(method)}" for name, method in methods.items()),
        ]
    )


def _answers(about: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(answering(about, outcome.name) for outcome in outcomes_in(about)))


def _training(about: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    flow, classes = tables["cohort_flow"], _patients_by_class(tables["folds"])
    yield table_of(("step", "samples", "patients", "note"), flow.itertuples(index=False, name=None))
    yield table_of(("outcome", "class", "patients"), classes)
    if sites := (about["protocol"].get("harmonize") or {}).get("sites"):
        yield f"Sites: {', '.join(map(line, sites))}."


def _patients_by_class(folds: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return how many patients each class has: those that the folds of the first repeat test, where folds test all."""
    first = folds[folds["repeat"] == folds["repeat"].min()]
    counts = first.groupby(["outcome", "class"], sort=False)["n_test"].sum()
    return [(outcome, name, int(n)) for (outcome, name), n in counts.items()]


def _evaluation(about: Mapping[str, Any]) -> Iterator[str]:
    protocol = about["protocol"]
    yield (
        f"By {_split(protocol)}. Patients are kept whole, and everything that learns is fitted inside the folds"
        f"{', but for the deviations below' if about['as_published'] else ''}: the scores are of patients that the "
        "scored model had not seen. The model in this bundle was then fitted on all of them."
    )


def _split(protocol: Mapping[str, Any]) -> str:
    """Return how patients were split: folds and repeats, or the words of another split."""
    if protocol.get("split", "kfold") == "kfold":
        return f"{protocol['repeats']} x {protocol['folds']}-fold cross-validation"
    return line(protocol["words"]["split"]["title"])


def _of_answer(about: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    return table[table["model"] == about["protocol"]["primary"]]


def _scores(about: Mapping[str, Any], scores: pd.DataFrame) -> Iterator[str]:
    shown = _of_answer(about, scores)
    shown = shown[shown["metric"].isin(SHOWN)]
    rows = [
        (
            *(one[name] for name in ("outcome", "class", "metric")),
            _with_interval(one["value"], one["low"], one["high"]),
            one["n_patients"],
        )
        for one in shown.to_dict("records")
    ]
    yield table_of(("outcome", "class", "metric", "value (95 % interval)", "patients"), rows)
    if rows:
        yield (
            f"Of the answer `{cell(about['protocol']['primary'])}`, out of fold; intervals are of resampled patients, "
            "for the same fitted models. `scores.csv` has all models, and `learning_intervals.csv` the wider interval "
            "of the AUC for other patients to learn from."
        )


def _with_interval(value: float, low: float, high: float) -> str:
    return " ".join(filter(None, (number(value), interval(low, high))))


def _calibration(about: Mapping[str, Any], calibration: pd.DataFrame) -> Iterator[str]:
    rows = [
        (
            one["outcome"],
            one["class"],
            _with_interval(one["slope"], one["slope_low"], one["slope_high"]),
            _with_interval(one["intercept"], one["intercept_low"], one["intercept_high"]),
            number(one["ece"]),
        )
        for one in _of_answer(about, calibration).to_dict("records")
    ]
    yield table_of(("outcome", "class", "slope", "intercept", "expected calibration error"), rows)


def _updates(about: Mapping[str, Any]) -> Iterator[str]:
    """Yield on whom the answer was recalibrated, how, and what that made of it out of fold."""
    for outcome, told in ((name, one) for name, of in about.get("updates", {}).items() for one in versions_of(of)):
        patients = ", ".join(f"{line(name)} {n}" for name, n in told["events"].items())
        yield (
            f"The answer `{cell(told['of'])}` to {line(outcome)} was updated on {line(told['whose'])} "
            f"({told['n_patients']} patients: {patients}) by {UPDATES[told['method']]}; new patients get "
            f"`{cell(told['answer'])}`. Before and after, the latter by updates that had not seen the patient:"
        )
        rows = [
            (
                row["class"],
                row["metric"],
                *(_with_interval(*(_or_nan(row[f"{when}{end}"]) for end in ("", "_low", "_high"))) for when in WHEN),
            )
            for row in told["measures"]
            if row["metric"] in MEASURED
        ]
        yield table_of(("class", "measure", *WHEN), rows)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _subgroups(about: Mapping[str, Any], subgroups: pd.DataFrame) -> Iterator[str]:
    """Yield the AUC of the answer in groups of patients; of groups too small for one their number of patients."""
    own = _of_answer(about, subgroups)
    rows = [
        (
            *(one[name] for name in ("outcome", "variable", "level")),
            _with_interval(one["value"], one["low"], one["high"]),
            one["n_patients"],
        )
        for one in own[own["metric"].fillna("").isin(["auc", ""])].to_dict("records")
    ]
    told = table_of(("outcome", "variable", "group", "AUC (95 % interval)", "patients"), rows)
    yield told or "No scores of subgroups are in this bundle: how well it does in any of them is not known."


def _thresholds(about: Mapping[str, Any], points_of: pd.DataFrame) -> Iterator[str]:
    chosen = _of_answer(about, points_of)
    rows = [
        (one["outcome"], one["class"], number(one["value"], 3))
        for one in chosen[chosen["metric"] == "threshold"].to_dict("records")
    ]
    yield table_of(("outcome", "called", "from a probability of"), rows)


def _loading(environment: Mapping[str, Any], about: Mapping[str, Any], would_run: Collection[str]) -> Iterator[str]:
    yield (
        "```\nradiofuse predict BUNDLE new_patients.csv --out probabilities.csv\n```\n\n"
        "or `radiofuse.bundle.load_bundle(BUNDLE)` in Python. It was made with Python "
        f"{line(environment['python'])} and radiofuse {line(about['radiofuse_version'])}; `manifest.json` names the "
        "other versions."
    )
    yield TRUST.format(line(listed(list(would_run)))) if would_run else LOADS_SAFELY
