"""What the methods say of scores, intervals, comparisons and tests: what was done alone, with its publication."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.paper.further_results import further_results
from radiofuse.report.paper.prose import Sentence
from radiofuse.report.wording import METRICS
from radiofuse.wording import count, listed

YOUDEN = "(Youden)"  # so ends the one rule of operating points that is Youden's
_TESTS = {"DeLong": "DeLong's test", "bootstrap": "resampled patients, twice the smaller share on a side of zero"}


def statistics(contents: Contents) -> Iterator[Sentence]:
    """Yield the scores, intervals and tests of the run's tables, those alone that hold rows."""
    yield from scores(contents)
    yield from intervals(contents)
    yield from comparisons(contents)
    yield from _on_request(contents)


def scores(contents: Contents) -> Iterator[Sentence]:
    """Yield what was measured."""
    present = dict.fromkeys(contents.scores["metric"])
    shown = [title for name, title in METRICS.items() if name in present]
    several = any(part.has_several_classes for part in map(contents.of, contents.outcomes))
    methods = ("auc", "brier", *(["auc of classes"] if several else []))
    yield Sentence(f"Scores on out-of-fold predictions, the folds of a repeat pooled: {listed(shown)}.", methods)
    if len(contents.operating_points):
        chosen = contents.protocol.get("operating_point", "")
        rule = ("youden",) if YOUDEN in chosen else ()
        yield Sentence(f"The threshold of each fold was chosen in the other folds, by {chosen}.", rule)
    if len(contents.calibration):
        yield Sentence(
            "Calibration: slope and intercept of a logistic regression of the outcome on the predicted log-odds.",
            ("calibration",),
        )
        yield Sentence("Expected calibration error in bins of equal width.", ("ece",))
    if len(contents.decision_curves):
        yield Sentence("Clinical usefulness: decision curves of net benefit.", ("net benefit",))


def intervals(contents: Contents) -> Iterator[Sentence]:
    """Yield how the intervals were made."""
    resamples = contents.protocol.get("resamples")
    drawn = f"{count(resamples)} resamples" if resamples else "resamples"
    yield Sentence(
        f"Intervals are 95% percentile intervals of {drawn} of whole patients, the fitted models held fixed.",
        ("bootstrap",),
    )
    if len(contents.learning_intervals):
        yield Sentence(
            "The AUC has a second 95% interval, for other patients to learn from and to predict: the variance of its "
            "influence curve, and that between the folds.",
            ("learning interval",),
        )
    if len(contents.best_of_models):
        yield Sentence(
            "The highest AUC of the models has a lower bound that pays for having chosen it.", ("best of models",)
        )


def comparisons(contents: Contents) -> Iterator[Sentence]:
    """Yield how models were compared, with the answer and with the reference of the recipe; nothing where none were."""
    yield from _compared(contents.comparisons, "a", "")
    yield from _compared(contents.against_reference, "b", ", the reference that the recipe names,")


def _compared(table: pd.DataFrame, column: str, what: str) -> Iterator[Sentence]:
    """Yield how models were compared with the one that stands in a column; p-values of each table are a family."""
    rows = table[table["p_value"].notna()]
    for model in dict.fromkeys(rows[column]):
        tests = list(dict.fromkeys(rows.loc[rows[column] == model, "test"]))
        said = listed([_TESTS.get(test, test) for test in tests])
        yield Sentence(
            f"AUCs were compared with that of {model}{what} by {said}, p-values of these comparisons adjusted by Holm.",
            (*map(str.lower, tests), "holm"),
        )


def _on_request(contents: Contents) -> Iterator[Sentence]:
    asked = set(contents.tests["test"])
    for test, said in ASKED.items():
        if test in asked:
            yield Sentence(said, (test,))
    if len(contents.stability):
        yield Sentence("Stability of selection across the outer folds: the index of Nogueira.", ("stability index",))
    if len(contents.sample_sizes):
        yield Sentence("Sample size: the criteria of Riley and colleagues.", ("sample size",))
    yield from further_results(contents)
    if len(contents.prediction_sets):
        yield Sentence("Prediction sets were calibrated class by class, out of fold.", ("prediction sets",))
    if len(contents.ledger):
        yield Sentence("What the usual shortcuts would have claimed was computed beside the honest numbers (ledger).")


ASKED = {  # tests of tests.csv
    "mcnemar": "Right and wrong calls of pairs of models were compared by McNemar's test.",
    "resampled_t": "AUCs of folds were compared by the corrected resampled t test.",
    "nri": "Reclassification of pairs of models: net reclassification improvement without cutoffs.",
    "idi": "Reclassification of pairs of models: integrated discrimination improvement.",
    "permutation": "Labels were permuted, and selection and fit repeated on each permutation.",
    "harrell": "Optimism was estimated by refits to resampled patients.",
    "632+": "The .632+ estimate was computed from refits to resampled patients.",
}
