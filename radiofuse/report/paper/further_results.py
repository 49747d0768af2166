"""What the methods say of tables that not every run has: Table 1, groups, importance, recalibration, refits."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.paper.prose import Sentence
from radiofuse.statistics.uncertainty import OF_REFITS
from radiofuse.wording import counted, listed

_OF_TABLE_1 = {  # how a test's name in baseline.csv begins -> what it is, and whose
    "Mann-Whitney": ("the Mann-Whitney U test", "mann_whitney"),
    "Kruskal-Wallis": ("the Kruskal-Wallis test", "kruskal"),
    "Fisher": ("Fisher's exact test", "fisher"),
    "chi-square": ("the chi-square test", "chi-square"),
}
_IMPORTANCES = {
    "importance": ("the drop in AUC when its values are shuffled", "permutation importance"),
    "shap": ("mean absolute Shapley values", "shapley"),
}
_RECALIBRATIONS = {
    "temperature": ("temperature scaling", "ece"),
    "platt": ("Platt scaling", "platt scaling"),
    "isotonic": ("isotonic regression", "isotonic"),
}


def further_results(contents: Contents) -> Iterator[Sentence]:
    """Yield a sentence on each table that holds rows."""
    yield from _table_1(contents)
    if len(contents.subgroups):
        yield Sentence("The answer was also scored in groups of patients, each against all others.", ("bootstrap",))
    yield from _importance(contents)
    yield from _recalibrations(contents)
    yield from _uncertainty(contents)
    if len(contents.pseudo_labels):
        yield Sentence(
            "Some models were also trained on patients without a label, to whom they gave labels themselves."
        )


def _table_1(contents: Contents) -> Iterator[Sentence]:
    """Yield what Table 1 is, and the tests in it."""
    if not len(contents.baseline):
        return
    yield Sentence("What the patients of each class are like stands in Table 1, with what is missing.")
    named = contents.baseline["test"].astype(str)
    found = [told for start, told in _OF_TABLE_1.items() if named.str.startswith(start).any()]
    if found:
        yield Sentence(
            f"Its classes were compared by {listed([words for words, _ in found])}; these p-values are not adjusted.",
            tuple(method for _, method in found),
        )
    if contents.baseline["smd"].notna().any():
        yield Sentence("Beside them stand standardized mean differences.", ("standardized difference",))


def _importance(contents: Contents) -> Iterator[Sentence]:
    """Yield how the importance of features was measured, and what its intervals are."""
    found = [told for name, told in _IMPORTANCES.items() if contents.importance_sums[name].notna().any()]
    if not found:
        return
    yield Sentence(
        f"The importance of features was measured in the held-out folds: {listed([words for words, _ in found])}.",
        tuple(method for _, method in found),
    )
    yield Sentence(
        "Its intervals are of the mean over the folds, the variance corrected for training sets that share patients "
        "after Nadeau and Bengio.",
        ("corrected variance",),
    )


def _recalibrations(contents: Contents) -> Iterator[Sentence]:
    """Yield how probabilities were recalibrated."""
    done = dict.fromkeys(contents.recalibrations["method"])
    found = [_RECALIBRATIONS[name] for name in done if name in _RECALIBRATIONS]
    if found:
        yield Sentence(
            f"Probabilities were also recalibrated, out of fold, by {listed([words for words, _ in found])}, and "
            "scored before and after.",
            tuple(method for _, method in found),
        )


def _uncertainty(contents: Contents) -> Iterator[Sentence]:
    """Yield how far the answers move with the training patients, and the calibration by that."""
    told = contents.calibration_by_uncertainty
    if (told["uncertainty"] == OF_REFITS).any():
        n = tomllib.loads(contents.recipe).get("evaluation", {}).get("spread_refits")
        drawn = counted(n, "bootstrap") if n else "bootstraps"
        yield Sentence(
            f"In every fold each model was refitted to {drawn} of the training patients, selection included; the "
            "spread of an answer is the standard deviation over these refits.",
            ("bootstrap",),
        )
    if len(told):
        yield Sentence("Calibration error was also computed within bins of uncertainty.", ("ece",))
