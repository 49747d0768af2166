"""A site that tells the outcome: where a model may learn the scanner, and cross-validation rewards it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.experiment.recipe.evaluation import BY_SITE
from radiofuse.statistics import auc
from radiofuse.tables.cells import is_empty
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.roles import PATIENT, SITE

FEWEST = 20  # patients of known site: of fewer, two pure sites are nothing remarkable
# The share of a class among a site's other patients, where small sites of one class by chance do not count. IDH in 98
# patients of TCGA has .86 by it, and .94 by the share that includes the patient. Of classes drawn without regard to
# sites, at most 3 in 100 cohorts of 20 patients come so far, 2 in 100 of 30, none of 60: benchmarks/telling_sites.py.
TELLING_AUC = 0.85


def site_auc(positive: np.ndarray, patients: np.ndarray, sites: np.ndarray) -> float:
    """Return the AUC of what a patient's site says: the share of the class among the site's other patients.

    Parameters
    ----------
    positive : ndarray of bool, shape (n_samples,)
    patients : ndarray of shape (n_samples,)
        A patient is of the class who has a sample of it.
    sites : ndarray of shape (n_samples,)

    Returns
    -------
    float
        NaN where all patients, or none, are of the class. A patient who is alone at a site gets the share among all
        others. Without a relation it lies somewhat below .5, since leaving oneself out counts against one's class.

    Examples
    --------
    >>> site_auc(np.array([1, 1, 1, 0, 0, 0]) == 1, np.arange(6), np.array(list("AAABBB")))
    1.0
    """
    rows = pd.DataFrame({"patient": patients, "site": sites, "positive": positive})
    each = rows.groupby("patient").agg({"site": "first", "positive": "max"})
    label = each["positive"].astype(int)
    at_site = label.groupby(each["site"])
    others, n_others = at_site.transform("sum") - label, at_site.transform("size") - 1
    elsewhere = (label.sum() - label) / max(len(label) - 1, 1)
    share = np.where(n_others > 0, others / n_others.where(n_others > 0, 1), elsewhere)
    return float(np.squeeze(auc(label.to_numpy(), share)))


def site_warnings(samples: pd.DataFrame, outcomes: Sequence[Outcome]) -> list[str]:
    """Return a sentence for each class of an outcome that the site tells from the others.

    Parameters
    ----------
    samples : DataFrame
        As `deal_splits` takes them.
    outcomes : sequence of Outcome
    """
    known = samples[~is_empty(samples[SITE])] if SITE in samples else samples[:0]
    sentences = []
    for outcome in outcomes:
        rows = known[known[outcome.name].notna()]
        if rows[PATIENT].nunique() < FEWEST or rows[SITE].nunique() < 2:
            continue
        for name in outcome.told:
            positive = rows[outcome.name].to_numpy() == outcome.classes.index(name)
            found = site_auc(positive, rows[PATIENT].to_numpy(), rows[SITE].to_numpy())
            if found >= TELLING_AUC:
                sentences.append(
                    f"The site tells {outcome.name} = {name}: what share of a site's other patients has it predicts it "
                    f"with an AUC of {found:.2f}. Models may learn the scanner, and [harmonize] may take the outcome "
                    f'out with the site; split = "{BY_SITE}" shows how they do at another site.'
                )
    return sentences
