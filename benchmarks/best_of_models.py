"""How often the bound of the best of several models holds, beside the plain bound of the model that was picked.

Run ``python benchmarks/best_of_models.py [studies]``. In every study models of one true AUC answer for the same
patients, half of them positive; their answers are independent or correlate by .7. Bounds are one-sided, of 95 %.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from radiofuse.statistics import best_of_models


def study(n_patients: int, n_models: int, area: float, shared: float, seed: int) -> pd.DataFrame:
    """Return the predictions of models that are equally good."""
    rng, label = np.random.default_rng(seed), np.arange(n_patients) % 2
    ids = [str(row) for row in range(n_patients)]
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "label": label})
    common, own = rng.normal(size=n_patients), rng.normal(size=(n_models, n_patients))
    odds = np.sqrt(shared) * common + np.sqrt(1 - shared) * own + np.sqrt(2) * ndtri(area) * label
    return pd.concat(
        [rows.assign(model=f"m{place}", probability=expit(each)) for place, each in enumerate(odds)], ignore_index=True
    )


def main(n_studies: int = 200) -> None:
    print("patients  models  true AUC  shared   held, best of all   held, plain bound of the one picked")
    for n_patients, area, n_models, shared in product((40, 100), (0.5, 0.8), (1, 5, 20), (0.0, 0.7)):
        if n_models == 1 and shared:
            continue
        held = []
        for seed in range(n_studies):
            table, options = study(n_patients, n_models, area, shared, seed), {"n_resamples": 300, "random_state": seed}
            best = best_of_models(table, **options).iloc[0]
            alone = best_of_models(table, [best["model"]], **options).iloc[0]
            held.append((best["low"] <= area, alone["low"] <= area))
        ours, plain = np.mean(held, axis=0)
        print(f"{n_patients:8d}  {n_models:6d}  {area:8.2f}  {shared:6.1f}  {ours:18.2f}  {plain:36.2f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
