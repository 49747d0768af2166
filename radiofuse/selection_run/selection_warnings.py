"""What a reader of a selection must know once it is done: leaks, empty steps, ends of paths, few events, odd sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.patients.inner_folds import fewest_patients
from radiofuse.selection_run.chain import penalized_step
from radiofuse.selection_run.nested import ModalitySelection
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.selection_run.table_warnings import code_warnings, covariate_warnings, leak_warnings
from radiofuse.tables.features import FeatureTable
from radiofuse.wording import counted, some

EVENTS_PER_VARIABLE = 10


def selection_warnings(
    results: Sequence[ModalitySelection], selection: pd.DataFrame, table: FeatureTable, request: SelectionRequest
) -> list[str]:
    """Return sentences: leaks, steps that left nothing, a path's edge, few events per variable, no nesting.

    References
    ----------
    P. Peduzzi et al., "A simulation study of the number of events per variable in logistic regression analysis",
    Journal of Clinical Epidemiology 49 (1996) 1373-1379: ten events per variable.
    """
    found = covariate_warnings(table) + code_warnings(pd.concat([table.features, table.covariates], axis=1))
    for result in results:
        name = result.block.modality
        auc = selection.loc[selection["modality"] == name, "auc"].to_numpy()
        found += leak_warnings(table, name, auc)
        found += [f"{name}: {sentence}" for sentence in _of_selection(result)]
        found += _one_class_sites(result, request)
    warned = sum((result.warned for result in results), Counter())
    warned += sum((outcome.warned for result in results for outcome in result.outcomes), Counter())
    found += [f"Warned {counted(times, 'time')} while fitting: {message}" for message, times in warned.items()]
    if not request.nested:
        found.append("No nested run: the AUC is optimistic, because the selection saw the test patients.")
    return found


def _of_selection(result: ModalitySelection) -> list[str]:
    found, several = [], result.block.several is not None
    emptied = next((name for name, step in result.final.steps_.items() if not step.get_support().any()), None)
    if emptied is not None:
        found.append(f"no feature is left after step {emptied}.")
    _, penalized = penalized_step(result.final)
    # At the last penalty the error may still be falling.
    if penalized is not None and penalized.alpha_min_ == penalized.alphas_[-1] and not penalized.stopped_early_:
        found.append("the error is least at the path's edge; a smaller penalty may be better.")
    if penalized is not None and penalized.stopped_early_:
        found.append(
            f"the path stopped at lambda = {penalized.alphas_[-1]:.4g}, well past its minimum; --full-path runs on."
        )
    if penalized is not None and penalized.n_folds_ < penalized.cv:
        found.append(
            f"{penalized.n_folds_} inner folds chose the penalty instead of {penalized.cv}: "
            f"the {'smallest' if several else 'smaller'} class has no more."
        )
    return found + _empty_folds(result) + _few_events(result)


def _empty_folds(result: ModalitySelection) -> list[str]:
    n_empty = sum(outcome.chosen is not None and not outcome.chosen.any() for outcome in result.outcomes)
    if not n_empty:
        return []
    share = "share of positives, which" if result.block.several is None else "share of each class, which"
    return [
        f"{n_empty} of {counted(len(result.outcomes), 'training fold')} selected nothing; the answer there is the "
        f"{share} is lower where more are held out, so that the pooled AUC falls a little below .5."
    ]


def _few_events(result: ModalitySelection) -> list[str]:
    n_selected, n_candidates = int(result.final.get_support().sum()), result.block.X.shape[1]
    if not n_selected:
        return []
    # Candidates count, not what was selected: choosing by the label spends events as well.
    events = fewest_patients(result.block.y, result.block.patients)
    smallest = "smaller" if result.block.several is None else "smallest"
    if events >= EVENTS_PER_VARIABLE * n_candidates:
        return []
    return [
        f"{counted(events, 'patient')} in the {smallest} class for {counted(n_candidates, 'candidate feature')}, "
        f"{n_selected} selected ({events / n_selected:.1f} per selected one); with fewer than {EVENTS_PER_VARIABLE} "
        "per candidate, coefficients and their order are uncertain."
    ]


def _one_class_sites(result: ModalitySelection, request: SelectionRequest) -> list[str]:
    """Return a sentence on sites whose samples are of one class: their shift cannot be told from the label's."""
    if request.site is None:
        return []
    sites, y = result.block.sites, result.block.y
    pure = [site for site in np.unique(sites) if np.ptp(y[sites == site]) == 0]
    if not pure:
        return []
    return [
        f"{result.block.modality}: {some(pure)} of {request.site} hold samples of one class only; evening them out "
        "takes some of the difference between the classes with it."
    ]
