"""What a bundle's networks read of new patients: crops, or arrays made as those were that they learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from radiofuse.errors import BundleError, RequestError
from radiofuse.extract import Features, add_crops, add_pictures
from radiofuse.imaging import Cropping, Crops
from radiofuse.imaging.stacks import VolumePatch, specs_of
from radiofuse.progress import Meter
from radiofuse.store import FeatureStore
from radiofuse.store.pictures import Pictures


def reads_pictures(description: Mapping[str, Any]) -> bool:
    """Say whether some model of a bundle reads pictures."""
    settings = description["settings"]
    return settings["crops"] is not None or settings.get("pictures") is not None


def needs_masks(description: Mapping[str, Any]) -> bool:
    """Say whether a bundle's models read images by masks of the tumor."""
    settings = description["settings"]
    pictures = settings.get("pictures")
    if pictures is None or settings["radiomics"] is not None:
        return True
    specs = specs_of(pictures["made"], pictures["channels"])
    # a patch can be made without a mask, but not where those lie that the network learned from: around the tumor
    return any(spec.needs_mask or isinstance(spec, VolumePatch) for spec in specs.values())


def channels_of(description: Mapping[str, Any]) -> set[str]:
    """Return the modalities that networks read as channels; none where each modality has a network of its own."""
    pictures = description["settings"].get("pictures")
    return set() if pictures is None else {name for names in pictures["channels"].values() for name in names}


def add_new_pictures(
    description: Mapping[str, Any],
    cohort: pd.DataFrame,
    features: Features,
    store: FeatureStore,
    *,
    retry_failed: bool,
    progress: Meter,
    **options: Any,
) -> tuple[Features, Crops | Pictures]:
    """Add the columns that point at new patients' pictures, made as those were that the encoders learned from.

    Parameters
    ----------
    description : mapping
        Of the bundle.
    cohort : DataFrame
    features : Features
        Of the same cohort.
    store : FeatureStore
    retry_failed : bool
        As for ``extract_cohort``.
    progress : callable
        As for ``run_recipe``.
    **options
        n_jobs.
    """
    named = description["settings"]
    region = next(iter(named.get("regions", ())), named.get("region"))
    options |= {"label": named["mask_label"], "region": region}
    try:
        if named["crops"] is not None:
            cropping = Cropping(**named["crops"])
            with progress("Fingerprinting", "files") as on_hashed, progress("Making pictures", "pictures") as on_done:
                options |= {"on_hashed": on_hashed, "on_done": on_done, "retry_failed": retry_failed}
                return add_crops(features, cohort, cropping, store, **options)
        specs = specs_of(named["pictures"]["made"], named["pictures"]["channels"])
    except (TypeError, KeyError, RequestError) as error:
        said = f"bundle.json describes the pictures in other words than this version knows: {error}."
        raise BundleError(said) from None
    return add_pictures(features, cohort, specs, str(store.root), progress=progress, **options)
