"""One sample's images made ready: files in, files and a record out, and nothing to do where nothing changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.files.aside import write_file
from radiofuse.imaging.atlas import atlas_file
from radiofuse.imaging.brain_command import brain_by
from radiofuse.imaging.drawn_masks import equal_masks
from radiofuse.imaging.gate import read_image, read_mask
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import Prepared, digest_of, prepared
from radiofuse.imaging.stream import file_sha256
from radiofuse.imaging.write_like import write_like

RECORD = "record.json"
ONE_MASK, BRAIN = "mask", "brain_mask"  # names of files


@dataclass(frozen=True)
class SampleFiles:
    sample_id: str
    images: dict[str, str]
    masks: dict[str, str]
    brain: str


@dataclass(frozen=True)
class Registered:
    """How one image was brought onto another, as the record says it."""

    modality: str
    to: str
    before: float
    after: float
    worse: bool
    figure: str
    """Its path; empty where an earlier version wrote none."""


@dataclass(frozen=True)
class ReadyFiles:
    files: dict[str, str]
    worse: tuple[str, ...]
    is_new: bool
    registered: tuple[Registered, ...] = ()


def make_sample_ready(folder: Path, sample: SampleFiles, steps: Steps) -> ReadyFiles:
    """Write the images and masks of one sample after all steps.

    Parameters
    ----------
    folder : Path
        Absolute; the sample gets a folder of its own in it.
    sample : SampleFiles
    steps : Steps

    Raises
    ------
    ImageError
        If a file cannot be used or a step not be taken; what an earlier call wrote stays.
    """
    paths = {**sample.images, **{f"{name}_mask": path for name, path in sample.masks.items()}}
    paths |= ({BRAIN: sample.brain} if sample.brain else {}) | (
        {"atlas": atlas_file(steps.atlas)} if steps.atlas else {}
    )
    digest = digest_of(steps, {name: file_sha256(path) for name, path in paths.items()})
    place = folder / sample.sample_id
    refuse_place(place, paths)
    earlier = _earlier(place, digest)
    return _written(place, digest, _prepared(sample, steps), paths) if earlier is None else earlier


def _prepared(sample: SampleFiles, steps: Steps) -> Prepared:
    images = {name: read_image(path).image for name, path in sample.images.items()}
    masks = {name: read_mask(path).image for name, path in sample.masks.items()}
    brain = _brain(sample, steps)
    atlas = read_image(atlas_file(steps.atlas)).image if steps.atlas else None
    return prepared(images, masks, brain, steps, atlas)


def _brain(sample: SampleFiles, steps: Steps) -> sitk.Image | None:
    """Return the mask of the brain: the given one, or what a program makes of the image registered to, or the first."""
    if sample.brain:
        return read_mask(sample.brain).image
    if not steps.brain_command:
        return None
    return brain_by(steps.brain_command, sample.images.get(steps.register_to, next(iter(sample.images.values()))))


def refuse_place(place: Path, sources: Mapping[str, str]) -> None:
    """Refuse a folder that holds what is not ours, or one of the files that are read."""
    inside = [name for name, path in sources.items() if place.resolve() in Path(path).resolve().parents]
    if inside:
        raise ImageError(
            "output_refused", f"{place.name} holds the input {inside[0]}, which it would replace. Name another."
        )
    if place.exists() and any(place.iterdir()) and not (place / RECORD).is_file():
        raise ImageError(
            "output_refused",
            f"{place.name} holds files that this command did not write. Move them, or name another folder.",
        )


def _written(place: Path, digest: str, sample: Prepared, sources: Mapping[str, str]) -> ReadyFiles:
    place.mkdir(parents=True, exist_ok=True)
    before = _names_before(place)
    # the folder is ours from here on, and not yet whole
    keep_record(place, {"digest": "", "files": {}, "worse": [], "written": sorted(before)})
    files = _write_volumes(place, sample)
    names = {*files.values(), *_write_registrations(place, sample)}
    for name in before - names:  # of other options: a mask or a transform that no longer holds
        (place / name).unlink(missing_ok=True)
    worse = [name for name, told in sample.record.get("registration", {}).items() if told["worse"]]
    written = {"files": files, "worse": worse, "written": sorted(names)}
    record = {"digest": digest, **written, "sources": dict(sources), **sample.record}
    keep_record(place, record)  # last: before, the sample is done again
    return _told(place, record, is_new=True)


def _names_before(place: Path) -> set[str]:
    """Return the names of files that an earlier call wrote."""
    record = record_of(place)
    return {name for name in record.get("written", record.get("files", {}).values()) if Path(name).name == name}


def _write_volumes(place: Path, sample: Prepared) -> dict[str, str]:
    volumes = dict(sample.images)
    volumes |= {f"{name}_mask" if name else ONE_MASK: mask for name, mask in _few(sample.masks).items()}
    volumes |= {} if sample.brain is None else {BRAIN: sample.brain}
    for name, image in volumes.items():
        write_like(place / f"{name}.nii.gz", sitk.GetArrayFromImage(image), image)
    return {name: f"{name}.nii.gz" for name in volumes}


def _write_registrations(place: Path, sample: Prepared) -> list[str]:
    """Write transforms and figures, and return their names."""
    transforms = {f"{name}_to_{_file_name(sample)}.tfm": way for name, way in sample.transforms.items()}
    for name, transform in transforms.items():
        sitk.WriteTransform(transform, str(place / name))
    figures = {_figure_name(name): figure for name, figure in sample.figures.items()}
    for name, figure in figures.items():
        _write_text(place / name, figure)
    return [*transforms, *figures]


def _figure_name(modality: str) -> str:
    return f"{modality}_registered.svg"


def _told(place: Path, record: Mapping[str, Any], *, is_new: bool) -> ReadyFiles:
    """Return what a record says of its sample."""
    registered = []
    for name, told in record.get("registration", {}).items():
        figure = place / _figure_name(name)
        before, after = told["mutual_information"]
        shown = str(figure) if figure.is_file() else ""
        registered.append(Registered(name, told.get("to", ""), before, after, told["worse"], shown))
    files = {name: str(place / file) for name, file in record["files"].items()}
    return ReadyFiles(files, tuple(record["worse"]), is_new, tuple(registered))


def keep_record(place: Path, record: Mapping[str, Any]) -> None:
    """Write what the files of a sample were made of beside them, so that the same call makes them once."""
    _write_text(place / RECORD, json.dumps(record, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    write_file(path, lambda file: file.write(text.encode()))


def _file_name(sample: Prepared) -> str:
    """Return what was registered to, as a part of a file's name."""
    steps = sample.record["steps"]
    return Path(steps["atlas"]).name.partition(".")[0] if steps["atlas"] else steps["register_to"]


def _few(masks: Mapping[str, sitk.Image]) -> dict[str, sitk.Image]:
    """Return one mask under no name where all are the same, else each under its modality."""
    several = list(masks.values())
    alike = all(equal_masks(several[0], mask) for mask in several[1:])
    return {"": several[0]} if several and alike else dict(masks)


def _earlier(place: Path, digest: str) -> ReadyFiles | None:
    """Return what an earlier call wrote of the same files and options; None where anything of it is gone."""
    record = record_of(place)
    files = record.get("files", {})
    if record.get("digest") != digest or not all((place / file).is_file() for file in files.values()):
        return None
    return _told(place, record, is_new=False)


def record_of(place: Path) -> dict[str, Any]:
    """Return the record of a sample, {} where there is none."""
    try:
        record: dict[str, Any] = json.loads((place / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
