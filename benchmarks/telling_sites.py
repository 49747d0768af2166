"""How often does the site seem to tell a class that was drawn without regard to sites? The warning's limit rests on it.

Run as ``python benchmarks/telling_sites.py [cohorts]``. Printed is, for each number of patients, the largest share of
drawn cohorts that come to the limit, over 2, 4 and 10 sites of even size and shares of the class of .2 and .5.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np

from radiofuse.experiment.scores.telling_sites import TELLING_AUC, site_auc


def share_told(n: int, n_sites: int, prevalence: float, n_cohorts: int) -> float:
    """Return the share of cohorts in which the site's AUC comes to the limit."""
    rng = np.random.default_rng([n, n_sites, int(100 * prevalence)])
    drawn = ((rng.random(n) < prevalence, rng.choice(n_sites, n)) for _ in range(n_cohorts))
    found = [site_auc(positive, np.arange(n), sites) for positive, sites in drawn if 0 < positive.sum() < n]
    return float(np.mean(np.array(found) >= TELLING_AUC))


def main(n_cohorts: int = 1000) -> None:
    """Print a line per number of patients."""
    for n in (20, 30, 60, 100):
        worst = max(share_told(n, *world, n_cohorts) for world in product((2, 4, 10), (0.2, 0.5)))
        print(f"{n:4} patients: at most {worst:.3f} of {n_cohorts} cohorts reach an AUC of {TELLING_AUC}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
