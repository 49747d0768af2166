"""The contact sheet as one HTML file: a row per sample, to be sorted and filtered, without a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from radiofuse.imaging.portrait import SIDE, Portrait
from radiofuse.report.page import render
from radiofuse.report.sheet.suspicions import suspicions
from radiofuse.wording import counted

OUTLINE = (255, 176, 0)  # amber: bright on black, and light gray in gray print
JPEG_QUALITY = 80


@dataclass(frozen=True)
class SheetRow:
    """One sample as the page shows it."""

    sample_id: str
    patient_id: str
    strip: str
    alt: str
    place: str
    intensities: tuple[str, ...]
    volume_ml: float
    volumes: str
    warnings: tuple[str, ...]


def contact_sheet(
    cohort: pd.DataFrame, portraits: Mapping[tuple[str, str], Portrait], failures: pd.DataFrame, title: str
) -> str:
    """Return the page.

    Parameters
    ----------
    cohort : DataFrame
        With ``sample_id`` and ``patient_id``.
    portraits : mapping
        ``(sample_id, modality)`` to the portrait.
    failures : DataFrame
        Columns sample_id, modality, code, message: images that have none.
    title : str
    """
    told = suspicions(portraits)
    for failure in failures.itertuples():
        told.setdefault(str(failure.sample_id), []).append(f"{failure.modality}: {failure.message}")
    modalities = list(dict.fromkeys(modality for _, modality in portraits))
    rows = [
        _row(sample, patient, modalities, portraits, tuple(told.get(sample, ())))
        for sample, patient in zip(cohort["sample_id"], cohort["patient_id"], strict=True)
    ]
    to_look_at = counted(sum(bool(row.warnings) for row in rows), "sample")
    lead = (
        f"{counted(len(rows), 'sample')}: the slice with most tumor, {', '.join(modalities) or 'no image'}, the border "
        f"of the mask in amber; the patient's right is on the left. {to_look_at} with something to look at."
    )
    return render(
        "sheet/page.html",
        title=title,
        lead=lead,
        rows=rows,
        side=SIDE,
        width=SIDE * len(modalities),
        script=_script(),
        hash=_hash(),
    )


def _row(
    sample: str,
    patient: str,
    modalities: Sequence[str],
    portraits: Mapping[tuple[str, str], Portrait],
    warnings: tuple[str, ...],
) -> SheetRow:
    own = {name: portraits[sample, name] for name in modalities if (sample, name) in portraits}
    first = next(iter(own.values()), None)
    volumes = first.volumes_ml if first else {}
    places = dict.fromkeys(_place(one) for one in own.values())
    return SheetRow(
        sample,
        patient,
        strip_of([own.get(name) for name in modalities]),
        f"{sample}: {', '.join(own) or 'no image'}",
        "; ".join(places),
        tuple(f"{name} {one.low:.4g} to {one.high:.4g}" for name, one in own.items()),
        round(sum(volumes.values()), 3),
        ", ".join(f"{label}: {volume:.1f} ml" for label, volume in volumes.items()),
        warnings,
    )


def _place(one: Portrait) -> str:
    size = " x ".join(map(str, one.size))
    return f"{size} at {' x '.join(f'{step:.4g}' for step in one.spacing_mm)} mm, {one.orientation}"


def strip_of(portraits: Sequence[Portrait | None]) -> str:
    """Return the pictures of a sample side by side as a ``data:`` address; black where there is none."""
    tiles = [np.zeros((SIDE, SIDE, 3), np.uint8) if one is None else _tile(one) for one in portraits]
    if not tiles:
        return ""
    file = BytesIO()
    Image.fromarray(np.concatenate(tiles, axis=1)).save(file, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _tile(one: Portrait) -> np.ndarray:
    colors = np.repeat(one.picture[:, :, None], 3, axis=2)
    colors[one.outline] = OUTLINE
    return colors


@cache
def _script() -> str:
    return (Path(__file__).parent / "sheet.js").read_text()


def _hash() -> str:
    """Return what the page's policy names the script by: no other script runs."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
