"""The figures of all registrations of a cohort on one page, those that gained least first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from radiofuse.imaging.ready_files import Registered
from radiofuse.report.page import render
from radiofuse.wording import counted


@dataclass(frozen=True)
class RegistrationFigure:
    """One registration as the page shows it."""

    sample_id: str
    modality: str
    to: str
    said: str
    figure: str


def registrations_page(registered: Sequence[tuple[str, Registered]], folder: Path) -> str:
    """Return the page.

    Parameters
    ----------
    registered : sequence of (str, Registered)
        The id of a sample with one of its registrations.
    folder : Path
        Where the page lies; figures are named from there.
    """
    by_gain = sorted(registered, key=lambda pair: (not pair[1].worse, pair[1].after - pair[1].before))
    worse = sum(found.worse for _, found in registered)
    lead = (
        f"{counted(len(registered), 'registration')}, those that raised the mutual information least first; {worse} "
        "raised it not at all, and the image was left as it came. It also rises where images come to lie wrong: "
        "follow edges of the brain and of the ventricles from tile to tile."
    )
    rows = [_figure(sample, found, folder) for sample, found in by_gain]
    return render("registrations/page.html", title="Registered images", lead=lead, rows=rows)


def _figure(sample: str, found: Registered, folder: Path) -> RegistrationFigure:
    gained = "left as it came" if found.worse else f"{found.before:.3f} to {found.after:.3f}"
    path = Path(os.path.relpath(found.figure, folder)).as_posix() if found.figure else ""
    said = f"{found.modality} on {found.to}, mutual information {gained}"
    return RegistrationFigure(sample, found.modality, found.to, said, quote(path))
