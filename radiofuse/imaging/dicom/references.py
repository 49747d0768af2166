"""Which image a DICOM-SEG or an RTSTRUCT belongs to: by series, by single images, or by frame of reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radiofuse.errors import ImageError
from radiofuse.imaging.dicom.elements import many, text
from radiofuse.imaging.dicom.instances import Instance
from radiofuse.imaging.dicom.pixels import damage_told, read_dataset
from radiofuse.imaging.dicom.volumes import Job
from radiofuse.wording import listed

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class References:
    """UIDs of what a file says that it was drawn on; the later ones are looked at where the earlier are absent."""

    series: frozenset[str]
    images: frozenset[str]
    spaces: frozenset[str]

    def mean(self, job: Job) -> bool:
        """Whether an image is among them."""
        if self.series:
            return job.series.first.series_uid in self.series
        if self.images:
            return not self.images.isdisjoint(each.uid for each in job.series.instances)
        return job.series.first.space_uid in self.spaces


def references_of(dataset: Dataset) -> References:
    """Return what a SEG or an RTSTRUCT says that it was drawn on."""
    spaces = many(dataset, "ReferencedFrameOfReferenceSequence")
    series = frozenset(filter(None, (text(one, "SeriesInstanceUID") for one in _series(dataset))))
    named = {text(dataset, "FrameOfReferenceUID"), *(text(space, "FrameOfReferenceUID") for space in spaces)}
    images = frozenset() if series else frozenset(_images(dataset))
    return References(series, images, frozenset(named - {""}))


def _series(dataset: Dataset) -> Iterator[Dataset]:
    yield from many(dataset, "ReferencedSeriesSequence")
    for space in many(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in many(space, "RTReferencedStudySequence"):
            yield from many(study, "RTReferencedSeriesSequence")


def _images(dataset: Dataset) -> Iterator[str]:
    """Yield the UIDs of single images that contours, or frames of a segmentation, name."""
    for roi in many(dataset, "ROIContourSequence"):
        for contour in many(roi, "ContourSequence"):
            yield from (text(one, "ReferencedSOPInstanceUID") for one in many(contour, "ContourImageSequence"))
    for frame in many(dataset, "PerFrameFunctionalGroupsSequence"):
        for derivation in many(frame, "DerivationImageSequence"):
            yield from (text(one, "ReferencedSOPInstanceUID") for one in many(derivation, "SourceImageSequence"))


def match_image(
    instance: Instance, patient: str, written: Sequence[Job], present: Mapping[str, str]
) -> tuple[list[Job], str]:
    """Return the images that a SEG or an RTSTRUCT belongs to, or why there is none.

    Parameters
    ----------
    instance : Instance
        Its header.
    patient : str
        Whose it is, as patients are called.
    written : sequence of Job
        Images that were written.
    present : mapping of str to str
        Title of every series of the tree by its UID, with why it was left out if it was.
    """
    try:
        with damage_told(instance.path):
            references = references_of(read_dataset(instance.path))
    except ImageError as error:
        return [], str(error).rstrip(".")
    images = [job for job in written if references.mean(job)]
    own = [job for job in images if job.patient == patient]
    if images and not own:
        return [], f"it names another patient than {images[0].series.title}, the series that it refers to"
    others = [job for job in own if job.series.first.study_uid != instance.study_uid]
    if others:
        return [], f"it belongs to another study than {others[0].series.title}, the series that it refers to"
    left_out = [present[uid] for uid in sorted(references.series) if uid in present]
    if not own and left_out:
        return [], f"it was drawn on {listed(left_out)}"
    return own, "" if own else "it refers to a series of another study, or to one that is not in the tree"
