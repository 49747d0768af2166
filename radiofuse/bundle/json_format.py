"""The shapes of a bundle's JSON files: which entries there are, and what each holds."""

from __future__ import annotations

from radiofuse.bundle.shapes import ANY_NAME, Whole

ENCODER_SHAPE = Whole(
    encoder=str,
    join=("columns", "members", "logit", "auto"),
    output=("embedding", "logit"),
    protocol=("crossfit", "as_published"),
    folds=int,
    options={},
    channels=[str],
    name=str,
    size=int,
    slices=(int, "all", "middle"),
    cut=("tumor", "image"),
    plane=str,
    dimensions=int,
    intensities=str,
    over=str,
    aggregate=str,
    training={},
    device=str,
)
UPDATE_MEASURES = (
    *("before", "before_low", "before_high", "after", "after_low", "after_high"),
    *("difference", "difference_low", "difference_high"),
)
_HARMONIZE = Whole(method=str, site=str, covariates=[str], unseen=str, mean_only=bool, parametric=bool, sites=[str])
_WORDS = {"title": str, "does": str}
RADIOMICS = {
    "name": str,
    "backend": str,
    "parameters": {"imageType": {ANY_NAME: (None, {})}, "featureClass": {ANY_NAME: (None, [str])}, "setting": {}},
    "wavelet_subbands": (None, [str]),
    "ibsi": bool,
    "round_intensities": bool,
    "mask_threshold": (int, float),
    "outlier_sigma": (int, float),
    "ivh_bin_width": (int, float),
    "ivh_bin_count": int,
    "ibsi1_complete": bool,
}
_READING = {
    "column": str,
    "values": [str],
    "missing": [str],
    "spellings": (None, {ANY_NAME: [str]}),
    "vocabulary": (None, str),
}
_OUTCOME = {
    "name": str,
    "kind": ("binary", "multiclass"),
    "classes": [str],
    "ordered": bool,
    "reading": (None, _READING),
}
_ANSWER = {**_WORDS, "model": str, "kind": str}

_VERSION = Whole(
    whose=str,
    model=str,  # the answer of the run
    of=str,  # the one that was updated: that of the run, or of an update before
    answer=str,  # the updated one
    method=("none", "intercept", "slope", "unmended"),  # the last changes nothing, though tests call for a slope
    no_slope=("", "few", "alike", "reversed", "apart"),  # why none may be taken
    slope=float,  # from the answer of the run, through all updates before
    intercepts=[float],
    step={"slope": float, "intercepts": [float]},  # from the answer that was updated
    nearest=float,
    shrinkage=float,
    n_samples=int,
    n_patients=int,
    events={ANY_NAME: int},
    p_values={ANY_NAME: (None, float)},
    limits=[(None, float)],  # of sets of classes, where the run has some; None: a class that is never left out
    unshrunken={"slope": float, "intercepts": [float]},
    measures=[{"class": str, "metric": str, **dict.fromkeys(UPDATE_MEASURES, (None, float))}],
    radiofuse_version=str,
)
_UPDATE = Whole(_VERSION, earlier=[_VERSION])
# A shape is a type, a list of one shape, entries by name, or alternatives; None and text stand for themselves.
DESCRIPTION_SHAPE = {
    "name": str,
    "title": str,
    "radiofuse_version": str,
    "outcomes": [_OUTCOME],
    "label_per": ("patient", "sample"),
    "modalities": [str],
    "modality_pattern": (None, str),
    "clinical": [str],
    "columns": [str],
    "settings": {
        "radiomics": (None, RADIOMICS),
        "mask_label": (None, "any", int, [int]),
        "images": (None, {}),
        "atlas_sha256": (None, str),
        "region": (None, str),
        "regions": [str],
        "block": (None, str),
        "crops": (None, {"size": int, "slices": (int, "all"), "max_slices": int}),
        "pictures": (None, {"made": {}, "channels": {ANY_NAME: [str]}}),
        "ready_made": [str],
    },
    "protocol": {
        "split": str,
        "folds": int,
        "repeats": int,
        "inner_folds": int,
        "calibrate": bool,
        "operating_point": str,
        "resamples": int,
        "harmonize": (None, _HARMONIZE),
        "selector": str,
        "selector_options": {},
        "classifier": str,
        "classifier_options": {},
        "primary": str,
        "seed": int,
        "arms": [str],
        "steps": [str],
        "deep": (None, ENCODER_SHAPE),
        "options": {
            "models": {ANY_NAME: {}},
            "chains": [{"models": [str], "members": [str], "steps": {}}],  # a network's own options, not by step
        },
        "words": {"split": _WORDS, "selector": _WORDS, "classifier": _WORDS, "models": {ANY_NAME: _ANSWER}},
    },
    "n_features": {ANY_NAME: int},
    "inputs": {"cohort_sha256": str, "images_sha256": (None, str), "n_images": int},
    "training_rows": {ANY_NAME: str},
    "untested_patients": {ANY_NAME: str},  # of samples that models were fitted on and no fold tests
    "pseudonyms": (
        None,
        {"key": str, "shared": bool, "was_shared": bool},
    ),  # ids are keyed hashes; the key's fingerprint
    "synthetic": bool,
    "mask_makers": [str],  # "" is an expert, or nobody who is named
    "updates": {ANY_NAME: _UPDATE},  # by outcome, where another site's patients recalibrated the answer
    "implications": [{"when": {ANY_NAME: str}, "then": {ANY_NAME: str}, "source": str}],
    "as_published": [str],
    "warnings": [str],
}
_GOLDEN_PICTURES = Whole(
    seed=int,
    n=int,
    side=int,
    dimensions=int,
    whole=bool,
    of={ANY_NAME: Whole(center=[float], spread=[float])},
)
MANIFEST_SHAPE = Whole(
    format=int,
    files={ANY_NAME: str},  # the SHA-256 of each
    environment=Whole(python=str, platform=str, packages={ANY_NAME: str}),
    model=Whole(kept_as=("arrays", "joblib"), own_code=[str], why=str),
    outcomes=[Whole(name=str, classes=[str], positive=(None, str), thresholds={ANY_NAME: float})],
    columns=Whole(n=int, named_in=str, ranges_in=str),
    training_rows=Whole(n_samples=int, n_digests=int, sha256=str, listed_in=str),
    golden=Whole(
        columns=[str],
        rows=[[(None, str, int, float)]],
        pictures=(None, _GOLDEN_PICTURES),
        answers={ANY_NAME: {ANY_NAME: list}},
        why_none=str,
    ),
)
