"""The results of a run in words and text tables for the screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from radiofuse.commands.screen import sentence_lines, table_lines
from radiofuse.report.absence import absences
from radiofuse.report.kinds import DETAILS
from radiofuse.report.member_words import collinear_models
from radiofuse.tables.outcomes import BINARY, MULTICLASS, Outcome
from radiofuse.wording import listed, p_value

AS_PUBLISHED = "AS PUBLISHED, against our own rules"  # before each deviation, on every screen
SHOWN = {
    BINARY: ("auc", "balanced_accuracy", "recall", "specificity", "brier"),
    MULTICLASS: ("auc", "balanced_accuracy", "macro_f1", "weighted_kappa", "brier"),
}
SAME_MODELS = "auc, same models"
INTERVALS = (
    "auc: in brackets, where it may lie if other patients had been there to learn from and to predict",
    f"{SAME_MODELS}: where it may lie if the same models were tried on other patients; so all other brackets",
)

OF_CLASSES = (
    "auc: mean over the classes, each against the rest; brier: summed over the classes, 0 to 2. Scores of each class "
    "are in the report and in scores.csv."
)


def describe_comparisons(comparisons: pd.DataFrame) -> str:
    """Return a sentence per comparison of the answer with another model, on lines that fit the screen."""
    sentences = [
        f"{_of(row.outcome, comparisons)}AUC of {row.a} minus {row.b}: {row.difference:+.2f} "
        f"({row.low:+.2f} to {row.high:+.2f}), {_p_value(row.p_value)} ({row.test})"
        for row in comparisons.itertuples()
    ]
    return "\n".join(line for sentence in sentences for line in sentence_lines(sentence))


def describe_absences(comparisons: pd.DataFrame, description: Mapping[str, Any]) -> str:
    """Return what the answer loses without each set of its members, a table per outcome; empty where nobody asked."""
    protocol = description["protocol"]
    lines = []
    for outcome, own in comparisons.groupby("outcome", sort=False):
        found = absences(own, protocol["primary"], protocol["words"]["models"])
        rows = [(", ".join(one.absent), *_loss(one.comparison)) for one in found]
        if rows:
            head = f"{_of(outcome, comparisons)}{protocol['primary']} without"
            lines += table_lines((head, "auc lost", "p", "p, Holm"), rows)
    return "\n".join(lines)


def _loss(row: Any) -> tuple[str, str, str]:
    lost = f"{row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f})"
    return lost, p_value(row.p_value), p_value(row.adjusted_p_value)


def describe_collinear(predictions: pd.DataFrame, description: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning where members of a late fusion repeat each other while a combiner learns, by outcome."""
    protocol = description["protocol"]
    words = protocol["words"]["models"]
    main = words[protocol["primary"]]["model"]
    for outcome, own in predictions.groupby("outcome", sort=False):
        told = collinear_models(own, words)
        for sentence in dict.fromkeys(told.values()):
            models = [model for model, said in told.items() if said == sentence]
            whose = "" if main in models else f"{listed(models)}: "
            yield f"Warning: {_of(outcome, predictions)}{whose}{sentence}"


def describe_against(against: pd.DataFrame, primary: str) -> str:
    """Return how the answer's AUC differs from what was estimated when the model was made, a sentence per outcome."""
    rows = against[(against["model"] == primary) & (against["metric"] == "auc") & against["value"].notna()]
    classes = against.groupby("outcome")["class"].nunique()
    sentences = [
        f"{_of(row.outcome, against)}AUC{_against_rest(row[3], classes[row.outcome])} of {row.model} here "
        f"{row.value:.2f}, out of fold {row.reference:.2f} when it was made: {row.difference:+.2f} "
        f"({row.low:+.2f} to {row.high:+.2f}), {_p_value(row.p_value)} ({row.test})"
        for row in rows.itertuples()
    ]
    return "\n".join(line for sentence in sentences for line in sentence_lines(sentence))


def _against_rest(name: str, n_classes: int) -> str:
    """Return which of several classes an AUC is of."""
    return f" ({name} against the rest)" if name and n_classes > 1 else ""


def of_main_models(comparisons: pd.DataFrame, description: Mapping[str, Any]) -> pd.DataFrame:
    """Return the comparisons with the models that stand in the main tables of the report."""
    words = description["protocol"]["words"]["models"]
    return comparisons[[words[model]["kind"] not in DETAILS for model in comparisons["b"]]]


def _of(outcome: str, comparisons: pd.DataFrame) -> str:
    """Return the outcome that a sentence is about, where there are several."""
    return f"{outcome}: " if comparisons["outcome"].nunique() > 1 else ""


def describe_models(description: Mapping[str, Any], models: Iterable[str]) -> str:
    """Return what the models of a bundle are called in words, a line for each whose name is not that of a modality.

    Parameters
    ----------
    description : mapping
        As in ``bundle.json``.
    models : iterable of str
        Those that are shown, in order.
    """
    words = description["protocol"]["words"]["models"]
    named = [model for model in models if model not in description["modalities"]]
    return "\n".join(line for model in named for line in sentence_lines(f"{model}: {words[model]['title']}"))


def _p_value(p: float) -> str:
    written = p_value(p)
    return f"p {written}" if written.startswith("<") else f"p = {written}"


def scoreboard(scores: pd.DataFrame, outcome: Outcome, learning: pd.DataFrame | None = None) -> str:
    """Return the scores of an outcome as a text table: one line per model, each value with its interval.

    Where ``learning`` holds the intervals of the AUC for other patients to learn from, they stand first, and beside
    them that of the same models on other patients.

    Where models were scored on different patients, because some lack a modality, a column says on how
    many: such scores are not comparable. Metrics for which the screen is too narrow follow below.
    """
    metrics = [metric for metric in SHOWN[outcome.kind] if metric in set(scores["metric"])]
    whole = "" if outcome.kind == MULTICLASS else outcome.positive
    cells = scores[scores["metric"].isin(metrics) & (scores["class"] == whole)].copy()
    wider = pd.DataFrame() if learning is None else learning[learning["class"] == whole]
    if len(wider):
        cells = pd.concat([wider, cells.replace({"metric": {"auc": SAME_MODELS}})])
        metrics = ["auc", SAME_MODELS, *metrics[1:]]
    cells["cell"] = [_estimate(row) for row in cells.itertuples()]
    table = cells.pivot(index="model", columns="metric", values="cell")
    table = table.loc[scores["model"].drop_duplicates(), metrics]
    n_patients = scores.groupby("model")["n_patients"].first()
    if n_patients.nunique() > 1:
        table["patients"] = n_patients
    rows = [(model, *map(str, cells)) for model, *cells in table.itertuples()]
    notes = [*(INTERVALS if len(wider) else ()), *([OF_CLASSES] if outcome.kind == MULTICLASS else [])]
    return "\n".join(
        [*table_lines(("", *table.columns), rows), *(line for note in notes for line in sentence_lines(note))]
    )


def _estimate(row: Any) -> str:
    if pd.isna(row.value):
        return "-"
    return f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})" if pd.notna(row.low) else f"{row.value:.2f}"


def describe_best(best: pd.DataFrame) -> str:
    """Return what the highest AUC of each outcome is worth, knowing that it was sought among several models."""
    sentences = [
        f"{_of(row.outcome, best)}AUC of {row.model}, the highest of {row.n_models} models: {row.value:.2f}, with all "
        f"of them tried at least {row.low:.2f} (95 % bound, same models)"
        for row in best.dropna(subset="low").itertuples()
    ]
    return "\n".join(line for sentence in sentences for line in sentence_lines(sentence))
