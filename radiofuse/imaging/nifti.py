"""The NIfTI-1 header: what it announces, and whether its two orientations agree."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.header import (
    Header,
    Place,
    TwoOrientations,
    detached,
    in_words,
    invalid,
    not_3d,
    not_scalar,
    one_slice,
)

Fields = dict[str, Any]

HEADER_BYTES = 348
NIFTI2_HEADER_BYTES = 540
FIRST_VOXEL_BYTE = 352  # header and the four bytes that announce extensions
_FIELDS = {  # what is read of the header: its type, how many, and at which byte (nifti1.h of the standard)
    "dim": ("i2", 8, 40),
    "intent_code": ("i2", 1, 68),
    "datatype": ("i2", 1, 70),
    "bitpix": ("i2", 1, 72),
    "pixdim": ("f4", 8, 76),
    "vox_offset": ("f4", 1, 108),
    "scl_slope": ("f4", 1, 112),
    "scl_inter": ("f4", 1, 116),
    "xyzt_units": ("u1", 1, 123),
    "qform_code": ("i2", 1, 252),
    "sform_code": ("i2", 1, 254),
    "quatern": ("f4", 3, 256),
    "qoffset": ("f4", 3, 268),
    "srow": ("f4", 12, 280),
}
NUMBERS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
NO_NUMBERS = {0: "none", 1: "bits", 1536: "f16"}  # data types of the standard that are not read
MULTICHANNEL = {32: "complex", 128: "RGB", 1792: "complex", 2048: "complex", 2304: "RGBA"}
SPACING_TOLERANCE = 1e-3  # relative; larger than float32 noise in a stored affine
SHEAR_TOLERANCE = 1e-3  # cosine between two axes
AGREEMENT_VOX = 0.01  # of a voxel, at the worst corner: programs write the two with other rounding
QUATERNION_ROUNDING = 3 * float(np.finfo(np.float32).eps)  # of 1 - b2 - c2 - d2: at a half turn it is 0 but for that
MILLIMETERS = (2, 0)  # codes of the standard: mm, and no unit, which is read as mm
HALF_TURNS = {  # the quaternion's b, c, d but for their signs: which axes are turned round
    (0.0, 0.0, 0.0): (1.0, 1.0, 1.0),
    (1.0, 0.0, 0.0): (1.0, -1.0, -1.0),
    (0.0, 1.0, 0.0): (-1.0, 1.0, -1.0),
    (0.0, 0.0, 1.0): (-1.0, -1.0, 1.0),
}
SPACES = {1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI", 5: "template"}  # xform codes of the standard


def nifti_header(name: str, head: bytes) -> Header:
    """Read and check the header of a NIfTI-1 file.

    Parameters
    ----------
    name : str
        What messages call the file.
    head : bytes
        At least the first 348 bytes, unpacked; fewer if the file has no more.

    Raises
    ------
    ImageError
        ``not_an_image``, ``detached_data``, ``header_invalid``, ``wrong_dimensions`` or
        ``not_scalar``.
    """
    header = _parse(name, head)
    shape, notes = _shape(name, header)
    slope, intercept = _scaling(name, header)
    orientations, more = _orientation(name, header)
    return Header(
        shape=shape,
        dtype=_dtype(name, header),
        offset=_offset(name, header),
        slope=slope,
        intercept=intercept,
        notes=notes + more,
        orientations=orientations,
        place=_plain_place(header),
    )


def _parse(name: str, head: bytes) -> Fields:
    declared = {struct.unpack(order + "i", head[:4])[0]: order for order in "<>" if len(head) >= 4}
    if NIFTI2_HEADER_BYTES in declared:
        raise invalid(name, "is NIfTI-2, which SimpleITK does not read; NIfTI-1 was expected")
    if HEADER_BYTES not in declared:
        raise ImageError("not_an_image", f"{name} does not begin with a NIfTI header. Name a NIfTI image.")
    if len(head) < HEADER_BYTES:
        raise ImageError("file_truncated", f"{name} ends within its header. Copy or download it again.")
    if head[344:348] == b"ni1\0":
        raise detached(name)
    if head[344:348] != b"n+1\0":
        raise ImageError("not_an_image", f"{name} has no NIfTI signature. Convert it to NIfTI-1.")
    order = declared[HEADER_BYTES]
    kinds = [(order + kind, (count,)) if count > 1 else order + kind for kind, count, _ in _FIELDS.values()]
    offsets = [offset for _, _, offset in _FIELDS.values()]
    layout: Any = {"names": list(_FIELDS), "formats": kinds, "offsets": offsets, "itemsize": HEADER_BYTES}
    fields = np.frombuffer(head[:HEADER_BYTES], np.dtype(layout))[0]
    return {name: fields[name] for name in _FIELDS} | {"order": order}


def _shape(name: str, header: Fields) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    n_dimensions = int(header["dim"][0])
    if not 1 <= n_dimensions <= 7:
        raise invalid(name, f"announces {n_dimensions} dimensions")
    sizes = tuple(int(size) for size in header["dim"][1 : n_dimensions + 1])
    if min(sizes) < 1:
        raise invalid(name, f"announces a size of {in_words(sizes)} voxels")
    if n_dimensions == 2:
        return one_slice(name, sizes)
    if n_dimensions < 3:
        raise not_3d(name, f"a {n_dimensions}-D image ({in_words(sizes)})")
    if max(sizes[3:], default=1) > 1:
        raise not_3d(name, f"a {n_dimensions}-D image ({in_words(sizes)})")
    x, y, z = sizes[:3]
    notes = (f"{name} is {n_dimensions}-D with a single volume, which was taken.",) if n_dimensions > 3 else ()
    return (x, y, z), notes


def _dtype(name: str, header: Fields) -> np.dtype:
    code = int(header["datatype"])
    if code in MULTICHANNEL:
        raise not_scalar(name, MULTICHANNEL[code])
    if code not in NUMBERS | NO_NUMBERS:
        raise invalid(name, f"names no known data type ({code})")
    dtype = np.dtype(header["order"] + NUMBERS.get(code, "V"))
    if 8 * dtype.itemsize != header["bitpix"]:
        raise invalid(name, f"names data type {code} with {header['bitpix']} bits, which is not readable")
    return dtype


def _offset(name: str, header: Fields) -> int:
    offset = float(header["vox_offset"])
    if not (np.isfinite(offset) and offset >= FIRST_VOXEL_BYTE and offset.is_integer()):
        raise invalid(name, f"puts the first voxel at byte {offset:g}, {FIRST_VOXEL_BYTE} or later was expected")
    return int(offset)


def _scaling(name: str, header: Fields) -> tuple[float, float]:
    """Return slope and intercept; a slope of 0 or NaN means none, by the standard.

    What the standard leaves open is refused: ITK adds an intercept that comes without a slope
    and takes a tiny slope for 1, nibabel does neither.
    """
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if np.isfinite([slope, intercept]).all() and abs(slope) > np.finfo(float).eps:
        return slope, intercept
    if (slope == 0 or np.isnan(slope)) and (intercept == 0 or np.isnan(intercept)):
        return 1.0, 0.0
    raise invalid(name, f"scales intensities by {slope:g} plus {intercept:g}, which programs read differently")


def _orientation(name: str, header: Fields) -> tuple[TwoOrientations | None, tuple[str, ...]]:
    """Check voxel size and axes; return the choice that the file leaves to its reader, if any, and notes."""
    spacing = header["pixdim"][1:4].astype(float)
    is_flat = header["dim"][0] == 2
    spacing[2] = 1.0 if is_flat else spacing[2]  # what a 2-D file says of a third axis is not read
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise invalid(name, f"gives a voxel size of {in_words(tuple(spacing))}, positive numbers were expected")
    if is_flat:
        return None, ()
    qform, sform = _affines(name, header)
    if sform is not None:
        _check_sform(name, sform, spacing)
    if qform is None and sform is None:
        return None, (f"{name} says nothing of its orientation; its voxel size was taken as it is.",)
    if qform is not None and sform is not None:
        return _agreement(name, header, qform, sform), ()
    return None, ()


def _affines(name: str, header: Fields) -> tuple[np.ndarray | None, np.ndarray | None]:
    qform = _qform(name, header) if header["qform_code"] else None
    sform = None
    if header["sform_code"]:
        sform = np.eye(4)
        sform[:3] = header["srow"].reshape(3, 4)
    given = [affine for affine in (qform, sform) if affine is not None]
    if not all(np.isfinite(affine).all() for affine in given):
        raise invalid(name, "holds NaN in its orientation")
    return qform, sform


def _plain_place(header: Fields) -> Place | None:
    """Return the place of a 3-D file in mm whose axes run along those of the room, which leaves no room for readers.

    None of any other file: ITK, whose reading counts, is asked then. Most files are plain, and opening one by ITK takes
    longer than the features of a small region.
    """
    is_plain = header["dim"][0] == 3 and header["xyzt_units"] & 7 in MILLIMETERS and not header["intent_code"]
    if not is_plain or min(header["qform_code"], header["sform_code"]) < 0:
        return None
    told = [_signs_of_quaternion(header), header["qoffset"].tolist()] if header["qform_code"] else []
    also = [_signs_of_rows(header), header["srow"][3::4].tolist()] if header["sform_code"] else told
    signs, origin = told or also or (None, None)
    if signs is None or origin is None or (told or also) != also:
        return None
    (x, y, z), (right, front, up) = signs, origin
    spacing_x, spacing_y, spacing_z = header["pixdim"][1:4].tolist()
    axes = (-x, 0.0, 0.0, 0.0, -y, 0.0, 0.0, 0.0, z)
    return Place((spacing_x, spacing_y, spacing_z), (-right, -front, up), axes)


def _signs_of_quaternion(header: Fields) -> list[float] | None:
    """Return along which of the room's axes the file's run, 1 or -1 each; None where they are oblique."""
    b, c, d = np.abs(header["quatern"]).tolist()
    turned = HALF_TURNS.get((b, c, d))
    return None if turned is None else [turned[0], turned[1], turned[2] * float(header["pixdim"][0])]


def _signs_of_rows(header: Fields) -> list[float] | None:
    """Return the same of the rows of the sform; None too where its voxel size is not the header's to the last bit."""
    rows = header["srow"].reshape(3, 4)[:, :3]
    sizes = np.diag(rows)
    is_diagonal = np.array_equal(rows, np.diag(sizes)) and np.array_equal(np.abs(sizes), header["pixdim"][1:4])
    return np.sign(sizes).tolist() if is_diagonal else None


def _qform(name: str, header: Fields) -> np.ndarray:
    """Return the affine of the quaternion, of which a, the root of 1 - b2 - c2 - d2, is not stored (method 2)."""
    b, c, d = (float(part) for part in header["quatern"])
    rest = 1.0 - (b * b + c * c + d * d)
    handedness = float(header["pixdim"][0])
    # NaN compares to nothing, and is refused with the rest of the affine.
    if rest < -QUATERNION_ROUNDING or handedness not in (-1.0, 1.0):
        raise invalid(name, "holds a rotation that is none")
    a = 0.0 if abs(rest) <= QUATERNION_ROUNDING else float(np.sqrt(rest))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = (
        rotation / (a * a + b * b + c * c + d * d) * header["pixdim"][1:4].astype(float) * (1.0, 1.0, handedness)
    )
    affine[:3, 3] = header["qoffset"]
    return affine


def _check_sform(name: str, sform: np.ndarray, spacing: np.ndarray) -> None:
    columns = np.linalg.norm(sform[:3, :3], axis=0)
    if (np.abs(columns - spacing) > SPACING_TOLERANCE * spacing).any():
        raise invalid(
            name,
            f"gives two voxel sizes, {in_words(tuple(spacing))} (pixdim) and {in_words(tuple(columns))} (sform), "
            "so two programs would measure two volumes",
        )
    cosines = sform[:3, :3] / columns
    if np.abs(cosines.T @ cosines - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise invalid(name, "describes sheared axes; resample the image onto a rectangular grid")


def _agreement(name: str, header: Fields, qform: np.ndarray, sform: np.ndarray) -> TwoOrientations | None:
    """Compare the two orientations over the volume's corners, in voxels.

    A file may rightly hold two (scanner and atlas space). Features depend on voxel size, which
    is equal here, and on where the mask lies, which is checked against the same choice.
    """
    if np.linalg.det(qform[:3, :3]) * np.linalg.det(sform[:3, :3]) < 0:
        raise invalid(name, "is mirrored in one of its two orientations (qform, sform) and not in the other")
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in header["dim"][1:4]], [1])).reshape(4, -1)
    apart = float(np.abs(np.linalg.solve(qform, (sform - qform) @ corners)).max())
    q_space, s_space = (SPACES.get(int(header[field]), "unknown") for field in ("qform_code", "sform_code"))
    return TwoOrientations(qform, sform, (q_space, s_space), apart) if apart > AGREEMENT_VOX else None
