"""What a bundle answers and what it reads, as the page of the start says it."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radiofuse.bundle.beside_images import read_beside_images
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.one_patient import sequences_of
from radiofuse.bundle.pictures import needs_masks
from radiofuse.files.outputs import is_page
from radiofuse.progress import Meter
from radiofuse.serve.bundles import Bundles
from radiofuse.serve.tasks import Describe

REPORT = "report.html"


def describe_all(task: Describe, bundles: Bundles, meter: Meter) -> list[dict[str, Any]]:
    """Return every bundle in plain values, with what is said of the versions that made it.

    Raises
    ------
    BundleError
        If one cannot be loaded, or its models read no images.
    """
    return [_described(bundles, number) for number in range(len(bundles.given))]


def _described(bundles: Bundles, number: int) -> dict[str, Any]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = bundles.load(number)
    told = [str(one.message) for one in caught]
    return describe(loaded, bundles.given[number]) | {"version_warnings": told}


def describe(bundle: Bundle, given: Path) -> dict[str, Any]:
    """Return a bundle in plain values.

    Parameters
    ----------
    bundle : Bundle
    given : Path
        What the user named: the bundle, or the output folder of its run.

    Raises
    ------
    BundleError
        If its models read no images.
    """
    about = bundle.description
    return {
        "title": str(about["title"]),
        "outcomes": [{"name": one.name, "phrase": one.phrase} for one in bundle.outcomes],
        "sequences": sequences_of(about),
        "needs_mask": needs_masks(about),
        "beside": [asdict(one) for one in read_beside_images(bundle)],
        "is_synthetic": bool(about["synthetic"]),
        "as_published": list(about["as_published"]),
        "report": _report(bundle.folder, given),
    }


def _report(folder: Path, given: Path) -> str:
    """Return where the report of the run is, "" where there is none: beside the bundle, as a run writes it."""
    places = dict.fromkeys((given / REPORT, folder.parent / REPORT))
    return next((str(path.resolve()) for path in places if path.is_file() and is_page(path)), "")
