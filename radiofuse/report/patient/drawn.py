"""What networks drew of a patient: what their regions are called, their volumes, and that nobody looked at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiofuse.report.patient.numbers import plain, share
from radiofuse.report.patient.words import Reader, region_name
from radiofuse.report.tables import Table

UNSEEN: dict[Reader, str] = {
    "doctor": "Drawn by a network of the model and looked at by no expert.",
    "patient": "These outlines were drawn by the computer. No doctor has looked at them, and they can be wrong.",
}


def key_of(network: str, region: str) -> str:
    """Return what a network's region is called among all regions of a page.

    >>> key_of("weighed", "WT")
    'weighed: WT'
    """
    return f"{network}: {region}"


def drawn_names(told: Mapping[str, Any], reader: Reader) -> dict[str, str]:
    """Return what a reader calls the regions that networks drew, by key."""
    who = "as the network {} drew it" if reader == "doctor" else "as the computer ({}) drew it"
    return {
        key_of(of["network"], region): f"{region_name(region, reader)}, {who.format(of['network'])}"
        for of in told.get("drawn_regions") or []
        for region in of["volumes_ml"]
    }


def drawn_tables(told: Mapping[str, Any], reader: Reader) -> list[Table]:
    """Return the volumes of what each network drew."""
    return [
        Table(
            f"What the network {of['network']} drew",
            ("Region", "Volume, ml"),
            (("", tuple((region_name(name, reader), plain(ml)) for name, ml in of["volumes_ml"].items())),),
            n_numbers=1,
        )
        for of in told.get("drawn_regions") or []
    ]


def drawn_sentences(told: Mapping[str, Any], reader: Reader) -> list[str]:
    """Return what bears on trusting these regions: who drew them, and what the networks looked at."""
    drawn = told.get("drawn_regions") or []
    said = [UNSEEN[reader]] if drawn else []
    for of in drawn:
        if reader == "doctor":
            said.append(f"{of['network']} looked at {share(of['looked_at'])} of the image. {_sentence(of['note'])}")
        elif of["looked_at"] < 1:
            said.append(
                f"The computer looked at {share(of['looked_at'])} of the picture alone. What lies elsewhere is in no "
                "outline of its, and the volumes may be too small."
            )
    return said


def _sentence(note: str) -> str:
    """Return a note as a sentence of its own.

    >>> _sentence("the tumor reaches the edge")
    'The tumor reaches the edge.'
    """
    return f"{note[0].upper()}{note[1:]}." if note else ""
