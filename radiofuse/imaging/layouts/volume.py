"""What a layout finds in a folder: which file is whose image or mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

IMAGE, MASK, BRAIN = "image", "mask", "brain"


@dataclass(frozen=True)
class FoundVolume:
    """A file of one sample.

    Attributes
    ----------
    path : Path
    sample_id, patient_id : str
        A patient may have several samples: sessions, time points.
    role : {"image", "mask", "brain"}
        ``brain`` is a mask of the brain.
    modality : str
        As columns are called, ``t1ce``; of a mask "" where it serves every modality.
    session : str
        "" where the layout knows none.
    """

    path: Path
    sample_id: str
    patient_id: str
    role: str = IMAGE
    modality: str = ""
    session: str = ""


@dataclass(frozen=True)
class Found:
    """What a layout found.

    Attributes
    ----------
    volumes : list of FoundVolume
        In the order of their paths.
    notes : list of str
        Sentences on what was left out, and why.
    labels : Path or None
        A table of labels or clinical columns that belongs to the layout and lies in the folder.
    values : mapping of str to mapping of str to str
        What the folder itself says of samples: column, then value by sample.
    called : callable or None
        How a patient of the id that a table of labels gives is called here, where it is not by that id.
    """

    volumes: list[FoundVolume]
    notes: list[str] = field(default_factory=list)
    labels: Path | None = None
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    called: Callable[[str], str] | None = None

    @property
    def n_images(self) -> int:
        """How many files are images."""
        return sum(volume.role == IMAGE for volume in self.volumes)
