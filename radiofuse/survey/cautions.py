"""What a reader should be warned of once the selection is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.survey.checks import FeatureTable
from radiofuse.survey.nested import ModalitySurvey
from radiofuse.survey.request import SurveyRequest
from radiofuse.survey.suspicions import suspect_leaks
from radiofuse.survey.wording import count

EVENTS_PER_VARIABLE = 10


def cautions(
    surveys: Sequence[ModalitySurvey], selection: pd.DataFrame, table: FeatureTable, request: SurveyRequest
) -> list[str]:
    """Return sentences: leaks, steps that left nothing, a path's edge, few events per variable, no nesting.

    References
    ----------
    P. Peduzzi et al., "A simulation study of the number of events per variable in logistic regression analysis",
    Journal of Clinical Epidemiology 49 (1996) 1373-1379: ten events per variable.
    """
    found = []
    for survey in surveys:
        name = survey.block.modality
        auc = selection.loc[selection["modality"] == name, "auc"].to_numpy()
        found += suspect_leaks(table, name, auc)
        found += [f"{name}: {sentence}" for sentence in _of_selection(survey)]
    warned = sum((survey.warned for survey in surveys), Counter())
    warned += sum((outcome.warned for survey in surveys for outcome in survey.outcomes), Counter())
    found += [f"Warned {count(times, 'time')} while fitting: {message}" for message, times in warned.items()]
    if not request.nested:
        found.append("No nested run: the AUC is optimistic, because the selection saw the test patients.")
    return found


def _of_selection(survey: ModalitySurvey) -> list[str]:
    found = []
    emptied = next((name for name, step in survey.final.steps_.items() if not step.get_support().any()), None)
    if emptied is not None:
        found.append(f"no feature is left after step {emptied}.")
    penalized = survey.final.steps_.get("lasso")
    if penalized is not None and penalized.alpha_min_ == penalized.alphas_[-1] and not penalized.stopped_early_:
        found.append("the error is least at the path's edge; a smaller penalty may be better.")
    if penalized is not None and penalized.stopped_early_:
        found.append(
            f"the path stopped at lambda = {penalized.alphas_[-1]:.4g}, well past its minimum; --full-path runs on."
        )
    n_selected = int(survey.final.get_support().sum())
    events = int(np.bincount(survey.block.y, minlength=2).min())
    if n_selected and events / n_selected < EVENTS_PER_VARIABLE:
        found.append(
            f"{events / n_selected:.1f} events per selected feature ({events} / {n_selected}); below "
            f"{EVENTS_PER_VARIABLE} coefficients are unreliable."
        )
    return found
