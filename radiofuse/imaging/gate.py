"""The gate for files: one pass over the bytes, every check, then a SimpleITK image.

Voxels are taken from the bytes that were hashed and checked; the place in space is ITK's own
reading of the header, so that an image that passes equals what SimpleITK would have read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.files.stand_ins import HEAD_BYTES, describe_stand_in
from radiofuse.imaging.geometry import affine_ras
from radiofuse.imaging.header import TWO_ORIENTATIONS, Header, check_size, in_words, invalid, truncated
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.memory import check_place
from radiofuse.imaging.nifti import HEADER_BYTES, nifti_header
from radiofuse.imaging.placed import PlacedVoxels, placed
from radiofuse.imaging.roi import RoiPair, check_finite, check_integer, paired
from radiofuse.imaging.stream import ByteStream, HashedFile, open_file
from radiofuse.imaging.textual import meta_header, nrrd_header
from radiofuse.names import on_first_use

if TYPE_CHECKING:
    import SimpleITK as sitk
else:
    sitk = on_first_use("SimpleITK")

TEXT_HEADER_BYTES = 1 << 20  # segmentations by 3D Slicer describe every segment in the header
GZIP_MAGIC = b"\x1f\x8b"
READERS = {  # suffix: header reader, bytes it needs, whether the whole file is compressed
    ".nii.gz": (nifti_header, HEADER_BYTES, True),
    ".nii": (nifti_header, HEADER_BYTES, False),
    ".nrrd": (nrrd_header, TEXT_HEADER_BYTES, False),
    ".mha": (meta_header, TEXT_HEADER_BYTES, False),
}


@dataclass(frozen=True)
class Volume:
    """A checked 3-D image, the SHA-256 of its file's raw bytes, and what is worth knowing of it."""

    volume: PlacedVoxels
    sha256: str
    notes: tuple[str, ...]

    @property
    def image(self) -> sitk.Image:
        """The image as SimpleITK's, made when it is asked for."""
        return self.volume.image


def read_image(path: str | PathLike[str]) -> Volume:
    """Read a 3-D scalar image of which every byte and every voxel has been checked.

    Parameters
    ----------
    path : str or path-like
        A ``.nii.gz``, ``.nii``, ``.nrrd`` or ``.mha`` file.

    Raises
    ------
    ImageError
        With one of the codes in ``IMAGE_ERROR_CODES``.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from radiofuse.imaging import write_volume
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "t1.nii.gz")
    ...     write_volume(path, np.ones((4, 5, 6), dtype=np.int16), spacing_mm=(1, 1, 3))
    ...     read_image(path).image.GetSpacing()
    (1.0, 1.0, 3.0)
    """
    volume = _read(Path(path))
    check_finite(volume.volume, Path(path).name)
    return volume


def read_mask(path: str | PathLike[str]) -> Volume:
    """Read a 3-D mask of whole numbers; labels are chosen later, by ``check_pair``.

    Parameters
    ----------
    path : str or path-like
        As for ``read_image``.

    Raises
    ------
    ImageError
        As for ``read_image``, and ``mask_not_integer``.
    """
    volume = _read(Path(path))
    check_integer(volume.volume, Path(path).name)
    return volume


def read_pair(
    image_path: str | PathLike[str],
    mask_path: str | PathLike[str],
    *,
    label: MaskLabel = "any",
    outside_is_read: bool = True,
) -> RoiPair:
    """Read an image and its mask and check that they make a usable region of interest.

    Parameters
    ----------
    image_path, mask_path : str or path-like
        Two files of one grid.
    label : "any", int or list of int, default="any"
        Which mask values make the region: every non-zero one, one, or the union of several.
    outside_is_read : bool, default=True
        Whether anything reads voxels outside the region, so that NaN is refused there too.

    Returns
    -------
    RoiPair
        Image, 0/1 region on the image's grid, both files' SHA-256, and notes.

    Raises
    ------
    ImageError
        With one of the codes in ``IMAGE_ERROR_CODES``; the sentence names the file, never its
        folder, which may hold a patient's name.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> from radiofuse.imaging import write_volume
    >>> with TemporaryDirectory() as folder:
    ...     image, mask = f"{folder}/t1.nii.gz", f"{folder}/mask.nii.gz"
    ...     voxels = np.arange(1000, dtype=np.int16).reshape(10, 10, 10)
    ...     write_volume(image, voxels, spacing_mm=(1, 1, 1))
    ...     write_volume(mask, (voxels > 499).astype(np.uint8), spacing_mm=(1, 1, 2))
    ...     read_pair(image, mask, label=1)
    Traceback (most recent call last):
    radiofuse.errors.ImageError: The mask lies up to 9 voxels off the image: spacing (1, 1, 2) against (1, 1, 1). ...
    """
    (pair,) = read_regions(image_path, mask_path, [label], outside_is_read=outside_is_read)
    if isinstance(pair, ImageError):
        raise pair
    return pair


def read_regions(
    image_path: str | PathLike[str],
    mask_path: str | PathLike[str],
    labels: Sequence[MaskLabel],
    *,
    outside_is_read: bool = True,
) -> list[RoiPair | ImageError]:
    """Read an image and its mask once, for several regions: of each what ``read_pair`` returns, or what it raises.

    Parameters
    ----------
    image_path, mask_path, outside_is_read
        As for ``read_pair``.
    labels : sequence of "any", int or list of int

    Raises
    ------
    ImageError
        If one of the files cannot be used for any region.
    """
    image = _read(Path(image_path))
    mask = _read(Path(mask_path))
    if image.sha256 == mask.sha256:
        raise ImageError(
            "mask_is_image", f"{Path(mask_path).name} is the image itself. Name the mask in the cohort table."
        )
    return [_region(image, mask, label, outside_is_read) for label in labels]


def _region(image: Volume, mask: Volume, label: MaskLabel, outside_is_read: bool) -> RoiPair | ImageError:
    choices = tuple(note for note in image.notes + mask.notes if note.startswith(TWO_ORIENTATIONS))
    try:
        pair = paired(image.volume, mask.volume, label, choices, outside_is_read=outside_is_read)
    except ImageError as error:
        return error
    notes = image.notes + mask.notes + pair.notes
    return RoiPair(pair.volume, pair.region, image.sha256, mask.sha256, notes)


def _read(path: Path) -> Volume:
    with open_file(path) as file:
        source = HashedFile(path.name, file)
        header, voxels = _read_voxels(source, os.fstat(file.fileno()).st_size)
    volume = PlacedVoxels(voxels, *header.place) if header.place else _placed(path, voxels)
    choice = header.orientations
    notes = () if choice is None else (choice.sentence(path.name, affine_ras(volume)),)
    return Volume(volume, source.sha256(), header.notes + notes)


def _read_voxels(source: HashedFile, file_bytes: int) -> tuple[Header, np.ndarray]:
    read_header, head_bytes, compressed = _reader(source)
    stream = source.unpacked() if compressed else source
    header = read_header(source.name, stream.peek(head_bytes))
    check_size(source.name, header, file_bytes, compressed or header.packed)
    stream.skip(header.offset)
    return header, _scaled(header, _filled(stream.unpacked() if header.packed else stream, header))


def _reader(source: HashedFile) -> tuple:
    """Choose by name; a content that is compressed where the name says otherwise is refused."""
    name = source.name.lower()
    suffix = next((suffix for suffix in READERS if name.endswith(suffix)), None)
    if suffix is None:
        raise ImageError(
            "not_an_image",
            f"{source.name} does not end in {', '.join(READERS)}. Convert it to .nii.gz, or correct its name.",
        )
    if told := describe_stand_in(source.name, source.peek(HEAD_BYTES), "image"):
        raise ImageError("not_an_image", told)
    is_gzip = source.peek(2) == GZIP_MAGIC
    if is_gzip != READERS[suffix][2]:
        raise ImageError(
            "wrong_extension",
            f"{source.name} is {'' if is_gzip else 'not '}gzip-compressed, its name says otherwise. "
            "Correct its ending (.nii or .nii.gz).",
        )
    return READERS[suffix]


def _filled(stream: ByteStream, header: Header) -> np.ndarray:
    """Return the voxels as stored, (z, y, x), once the stream has been seen to its end."""
    raw = np.empty(header.n_bytes, dtype=np.uint8)
    found = stream.readinto(memoryview(raw))
    if found < header.n_bytes:
        raise truncated(stream.name, header, at_most=found)
    if stream.peek(1):  # also what makes a compressed stream compare its checksum
        raise invalid(stream.name, f"announces {header.n_bytes:,} bytes of voxels and the file holds more")
    return raw.view(header.dtype).reshape(header.shape[::-1])


def _scaled(header: Header, stored: np.ndarray) -> np.ndarray:
    """Return intensities in the machine's byte order, scaled as ITK does: to float32, but float64 stays."""
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if header.slope == 1.0 and header.intercept == 0.0:
        return native
    precision = np.float64 if native.dtype == np.float64 else np.float32
    scaled = native.astype(precision).astype(np.float64, copy=False)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as that
        return (scaled * header.slope + header.intercept).astype(precision, copy=False)


def _placed(path: Path, voxels: np.ndarray) -> PlacedVoxels:
    """Return voxels (z, y, x) with the size, spacing, origin and axes that ITK reads."""
    place = sitk.ImageFileReader()
    place.SetFileName(str(path))
    try:
        place.ReadImageInformation()
    except RuntimeError:  # its text carries the full path, which may hold a patient's name
        raise invalid(path.name, "is not accepted by SimpleITK") from None
    if place.GetDimension() == 2 and voxels.shape[0] == 1:
        return _slice_placed(path.name, place, voxels[0])
    if place.GetSize() != voxels.shape[::-1]:
        sizes = f"{in_words(place.GetSize())} voxels to SimpleITK, {in_words(voxels.shape[::-1])} to radiofuse"
        raise invalid(path.name, f"means {sizes}")
    check_place(path.name, np.array(place.GetSpacing()), np.reshape(place.GetDirection(), (3, 3)))
    return PlacedVoxels(voxels, place.GetSpacing(), place.GetOrigin(), place.GetDirection())


def _slice_placed(name: str, place: sitk.ImageFileReader, pixels: np.ndarray) -> PlacedVoxels:
    """Return a 2-D image as a volume of one slice, 1 mm thick, at the place in its plane that ITK reads."""
    if place.GetSize() != pixels.shape[::-1]:
        raise invalid(name, f"means {in_words(place.GetSize())} pixels to SimpleITK")
    check_place(name, np.array(place.GetSpacing()), np.reshape(place.GetDirection(), (2, 2)))
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(place.GetSpacing())
    image.SetOrigin(place.GetOrigin())
    image.SetDirection(place.GetDirection())
    return placed(sitk.JoinSeries([image]))
