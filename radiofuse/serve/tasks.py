"""What a process of the server is asked to do, and with which bundles: plain values that travel to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radiofuse.bundle.naming import Names


@dataclass(frozen=True)
class Models:
    """The bundles that a server answers with, and how they are read.

    Attributes
    ----------
    bundles : tuple of Path
    names : Names
    signers : Path or None
        Public keys of whom one trusts.
    trust : tuple of str
        What may run beside the package.
    """

    bundles: tuple[Path, ...]
    names: Names
    signers: Path | None = None
    trust: tuple[str, ...] = ()


ANSWER = "answer.json"  # of a result, beside its pages
MADE = NIFTI, STORE, PATIENT, WRITTEN = (
    "nifti",
    "store",
    "patient",
    "written",
)  # beside an upload's files


@dataclass(frozen=True)
class Describe:
    """Say what the bundles answer and what they read."""


@dataclass(frozen=True)
class Look:
    """Look through an upload: which file is which sequence, and what is to be seen in it.

    Attributes
    ----------
    folder : Path
        Of the upload.
    files : dict of str to str
        By path below ``files/``, what the client called it.
    wanted : tuple of str
        The sequences that the bundles read.
    """

    folder: Path
    files: dict[str, str]
    wanted: tuple[str, ...]


@dataclass(frozen=True)
class Chosen:
    """A file of an upload and what it is taken for.

    Attributes
    ----------
    path : str
        Below the folder of the upload.
    what : str
        A modality, or "mask".
    """

    path: str
    what: str


@dataclass(frozen=True)
class Answer:
    """Answer for one patient.

    Attributes
    ----------
    folder : Path
        Of the upload.
    bundle : int
        Which of the bundles.
    sample_id : str
    chosen : tuple of Chosen
    layout : str
        Where the files lie as a layout has them and nothing was changed, its name; else "".
    root : str
        Then the patient's folder below that of the upload.
    beside : dict of str to str
        What the bundle reads beside images, by column of a cohort table.
    """

    folder: Path
    bundle: int
    sample_id: str
    chosen: tuple[Chosen, ...]
    layout: str
    root: str
    beside: dict[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """Where the answer and its pages are written; the server moves them when all are there."""
        return self.folder / WRITTEN


Task = Describe | Look | Answer
