"""What kind of feature a name speaks of: the class and the image it was computed on."""

from __future__ import annotations

import re

CLASSES = (
    *("firstorder", "shape2d", "shape", "glcm", "glrlm", "glszm", "gldzm", "ngtdm", "gldm", "ngldm"),
    *("morphology", "local-intensity", "statistics", "intensity-histogram", "intensity-volume-histogram"),
)
IMAGES = (
    *("wavelet", "log-sigma", "lbp-2d", "lbp-3d", "square", "squareroot", "logarithm", "exponential", "gradient"),
    *("mean-", "laplacian-of-gaussian", "laws", "gabor", "separable-wavelet", "simoncelli", "riesz"),  # IBSI 2's
)
_PREFIXES = {  # IBSI's own abbreviations, as its reference values name features
    "stat": "firstorder",
    "ih": "firstorder",
    "ivh": "firstorder",
    "loc": "firstorder",
    "morph": "shape",
    "cm": "glcm",
    "rlm": "glrlm",
    "szm": "glszm",
    "dzm": "gldzm",
    "ngt": "ngtdm",
    "ngl": "ngldm",
}
_CLASS = re.compile(rf"(?:^|[_\-.])({'|'.join(CLASSES)})(?=$|[_\-.])", re.IGNORECASE)


def feature_family(name: str) -> str:
    """Return the feature's class, with the image before it unless that is the original; else "other".

    Names are those of pyradiomics (``wavelet-LLH_glcm_Idmn``, a sequence may stand in front) or of the IBSI
    (``cm_contrast_3d_avg``).

    References
    ----------
    A. Zwanenburg et al., "The Image Biomarker Standardization Initiative", Radiology 295 (2020) 328-338.

    Examples
    --------
    >>> feature_family("original_shape_Sphericity"), feature_family("T2_wavelet-LLH_glcm_Idmn")
    ('shape', 'wavelet-LLH glcm')
    >>> feature_family("log-sigma-3-0-mm-3D_firstorder_Mean"), feature_family("cm_contrast_3d_avg")
    ('log-sigma-3-0-mm-3D firstorder', 'glcm')
    >>> feature_family("age")
    'other'
    """
    match = _CLASS.search(name)
    if not match:
        return _PREFIXES.get(name.split("_")[0], "other") if "_" in name else "other"
    kind, before = match[1].lower(), name[: match.start()].split("_")[-1]
    return f"{before} {kind}" if before.lower().startswith(IMAGES) else kind
