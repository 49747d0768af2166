"""The page of one patient: pictures to scroll through, and what a model says of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

from radiofuse.errors import RequestError
from radiofuse.imaging.viewing import Viewing
from radiofuse.report.page import render
from radiofuse.report.patient.answers import outcome_texts, volumes_table
from radiofuse.report.patient.drawn import drawn_names, drawn_sentences, drawn_tables
from radiofuse.report.patient.machine_text import MachineText
from radiofuse.report.patient.places import without_places
from radiofuse.report.patient.shape import refuse_misshapen
from radiofuse.report.patient.slices import printed, region_groups, slices_json
from radiofuse.report.patient.surroundings import (
    applicability_sentences,
    applicability_table,
    banners,
    beside_sentences,
    evaluation_sentences,
    missing_sentences,
    note_sentences,
    similar_sentences,
)
from radiofuse.report.patient.survival import OF_A_GROUP, survival_table
from radiofuse.report.patient.words import READERS, RESEARCH, Reader, region_name

LINES = ("solid", "dashed", "dotted", "dashdot")  # of regions, in their order: apart in gray print too
LEADS: dict[Reader, str] = {
    "doctor": "What a model computed from the images of {sample}: probabilities with their uncertainty, and what bears "
    "on trusting them.",
    "patient": "What a computer model made of the pictures of your head. It is a research program and can be wrong. "
    "Your doctors know you; the computer knows these pictures only. Go through this page with them.",
}


def render_patient_page(
    told: Mapping[str, Any], pictures: Viewing | None, reader: Reader = "doctor", machine: MachineText | None = None
) -> str:
    """Return the page of one patient as HTML.

    Parameters
    ----------
    told : mapping
        What ``radiofuse predict --patient`` writes. Paths in it do not reach the page.
    pictures : Viewing or None
        As ``view_images`` returns them; None: a page without pictures.
    reader : "doctor" or "patient"
        Wording and detail; the values are the same.
    machine : MachineText, optional
        A language model's text, or why it is refused; it stands apart.

    Raises
    ------
    RequestError
        If the reader is unknown, or the answer lacks what every answer has.
    """
    if reader not in READERS:
        raise RequestError(f"The page is for {' or '.join(READERS)}, not for {reader!r}.")
    refuse_misshapen(told)
    above, told = banners(told, reader), without_places(told)
    names = {region: region_name(region, reader) for region in (told.get("volumes_ml") or {})}
    names |= {region: region_name(region, reader) for region in (pictures.regions if pictures else {})}
    names |= drawn_names(told, reader)
    return render(
        "patient/page.html",
        title=f"{told['sample_id']}: answers of a model",
        lead=LEADS[reader].format(sample=told["sample_id"]),
        banners=above,
        research=RESEARCH,
        reader=reader,
        outcomes=outcome_texts(told, reader),
        volumes=volumes_table(told, names),
        drawn=drawn_tables(told, reader),
        drawn_said=drawn_sentences(told, reader),
        missing_said=[*missing_sentences(told, reader), *beside_sentences(told, reader)],
        applicability=applicability_sentences(told, reader),
        features=applicability_table(told) if reader == "doctor" else None,
        similar=similar_sentences(told, reader),
        evaluation=evaluation_sentences(told, reader),
        notes=note_sentences(told, reader),
        survival=survival_table(told, reader),
        of_a_group=OF_A_GROUP[reader],
        machine=machine,
        version=(told.get("engine") or {}).get("radiofuse", ""),
        script=_script(),
        hash=_hash(),
        **_shown(pictures, names),
    )


def _shown(pictures: Viewing | None, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what the template needs of the pictures."""
    if pictures is None:
        return {"pictures": None}
    regions = [
        {
            "key": key,
            "name": names.get(key, key),
            "line": line,
            "is_on": group == 0 or not pictures.regions,
            "by_network": group > 0,
        }
        for group, own in enumerate(region_groups(pictures))
        for key, line in zip(own, cycle(LINES), strict=False)
    ]
    return {
        "pictures": slices_json(pictures),
        "tiles": printed(pictures),
        "regions": regions,
        "given": bool(pictures.regions),
        "maps": pictures.maps,
        "picture_notes": pictures.notes,
        "first": pictures.first_shown + 1,
        "n_slices": pictures.n_slices,
        "width": pictures.grid.GetWidth(),
        "height": pictures.grid.GetHeight(),
    }


@cache
def _script() -> str:
    return (Path(__file__).parent / "viewer.js").read_text()


def _hash() -> str:
    """Return what the page's policy names the script by: no other script runs."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
