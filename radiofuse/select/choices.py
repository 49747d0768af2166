"""The selectors by name. Each brings its own words, and says which options of ``radiofuse select`` are for it."""

from __future__ import annotations

SELECTORS = {
    "three_step": "radiofuse.select.three_step:ThreeStepSelector",
    "mann_whitney": "radiofuse.select.mann_whitney:MannWhitneySelector",
    "kruskal": "radiofuse.select.kruskal:KruskalSelector",
    "t_test": "radiofuse.select.univariate:TTestSelector",
    "anova": "radiofuse.select.univariate:AnovaSelector",
    "variance": "radiofuse.select.univariate:VarianceSelector",
    "mutual_info": "radiofuse.select.univariate:MutualInfoSelector",
    "correlation": "radiofuse.select.correlation:CorrelationSelector",
    "lasso": "radiofuse.select.lasso:LassoSelector",
    "mrmr": "radiofuse.select.mrmr:MRMRSelector",
    "stability": "radiofuse.select.stability_selection:StabilitySelector",
    "rfe": "radiofuse.select.recursive_elimination:RFESelector",
    "relief": "radiofuse.select.relief:ReliefSelector",
    "boruta": "radiofuse.select.boruta:BorutaSelector",
    "reproducibility": "radiofuse.select.reproducibility:ReproducibilitySelector",
}

PROJECTIONS = {  # stand in a selector's place in a chain of a modality: they select nothing
    "pca": "radiofuse.select.projections:PrincipalComponents",
    "pls": "radiofuse.select.projections:PartialLeastSquares",
}


def known_name(name: str) -> str:
    """Return a selector's name as `SELECTORS` has it; case, underscores and hyphens do not count.

    Examples
    --------
    >>> known_name("MannWhitney"), known_name("package.module:Class")
    ('mann_whitney', 'package.module:Class')
    """
    return next((known for known in SELECTORS if _plain(known) == _plain(name)), name)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
