"""What regions, sequences and outcomes are called, for a doctor and for a patient."""

from __future__ import annotations

from typing import Literal

Reader = Literal["doctor", "patient"]
READERS: tuple[Reader, ...] = ("doctor", "patient")
RESEARCH = "Research use only"
SYNTHETIC = "The model was trained on synthetic data. Not for any patient."
NAMES = ("1p/19q",)  # with digits that are no numbers

REGIONS = {
    "WT": ("whole tumor (WT)", "the whole tumor with the swelling around it"),
    "TC": ("tumor core (TC)", "the core of the tumor"),
    "ET": ("enhancing tumor (ET)", "the part that takes up contrast agent"),
    "NCR": ("necrosis and non-enhancing core (NCR)", "the part that does not take up contrast agent"),
    "ED": ("edema and infiltration (ED)", "the swelling around the tumor"),
    "RC": ("resection cavity (RC)", "the space that an operation left"),
    "mask": ("region that the model reads", "the outlined region that the model reads"),
    "drawn": ("segmentation, all labels; the model does not read it", "the region that was outlined"),
}
OUTCOMES = {  # letters in an outcome's name: what it asks, for a patient
    "idh": "whether a gene called IDH is changed in the cells of the tumor",
    "codel": "whether two pieces of chromosomes are missing in the cells of the tumor",
    "1p19q": "whether two pieces of chromosomes are missing in the cells of the tumor",
    "mgmt": "whether a repair gene called MGMT is switched off in the cells of the tumor",
    "grade": "how aggressive the tumor looks under the microscope",
    "subtype": "which kind of tumor it is",
}


def region_name(region: str, reader: Reader) -> str:
    """Return what a region is called.

    >>> region_name("ET", "patient"), region_name("lesion_2", "doctor")
    ('the part that takes up contrast agent', 'lesion_2')
    """
    known = REGIONS.get(region)
    return region if known is None else known[reader == "patient"]


def asked(outcome: str) -> str:
    """Return what an outcome asks, for a patient; "" where its name does not tell.

    >>> asked("IDH_status")
    'whether a gene called IDH is changed in the cells of the tumor'
    """
    return next((words for letters, words in OUTCOMES.items() if letters in outcome.lower()), "")
