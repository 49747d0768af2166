"""The NRRD and MetaImage headers: lines of text before the voxels."""

from __future__ import annotations

import re

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.header import Header, detached, in_words, invalid, not_3d, not_scalar, one_slice

_C_TYPES = {"char": "i1", "short": "i2", "int": "i4", "longlong": "i8", "float": "f4", "double": "f8"}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
_META_TYPES = {**_C_TYPES, "long_long": "i8"}
_META_NUMBERS = {  # numbers that each place in space takes, as a power of the dimension, under all its names
    **dict.fromkeys(("elementspacing", "elementsize", "offset", "position", "origin", "centerofrotation"), 1),
    **dict.fromkeys(("transformmatrix", "rotation", "orientation"), 2),
}


def nrrd_header(name: str, head: bytes) -> Header:
    """Read and check the header of an NRRD file with its voxels attached, raw or gzip.

    Raises
    ------
    ImageError
        ``not_an_image``, ``detached_data``, ``header_invalid``, ``wrong_dimensions`` or
        ``not_scalar``.

    References
    ----------
    Definition of NRRD file format, teem.sourceforge.net/nrrd/format.html.
    """
    end = re.search(rb"\r?\n\r?\n", head)
    if not head.startswith(b"NRRD000") or not end:
        raise ImageError("not_an_image", f"{name} does not begin with an NRRD header. Name an NRRD image.")
    fields = _fields(head[: end.start()], rb":(?!=)")
    if "data file" in fields or "datafile" in fields:
        raise detached(name)
    if fields.get("dimension") != str(len(fields.get("sizes", "").split())):
        given = f"dimension {fields.get('dimension', '')!r} and sizes {fields.get('sizes', '')!r}"
        raise invalid(name, f"announces {given}, as many sizes as dimensions were expected")
    if "vector" in fields.get("kinds", "") or "list" in fields.get("kinds", ""):
        raise not_scalar(name, "vector")
    encoding = fields.get("encoding", "")
    if encoding not in ("raw", "gzip", "gz") or {"line skip", "byte skip"} & fields.keys():
        raise invalid(name, f"announces the encoding {encoding!r}, possibly with skips; raw or gzip was expected")
    shape, notes = _shape(name, fields.get("sizes", ""))
    return Header(
        shape=shape,
        dtype=_nrrd_dtype(name, fields),
        offset=end.end(),
        packed=encoding != "raw",
        notes=notes + _nrrd_notes(name, fields),
    )


def meta_header(name: str, head: bytes) -> Header:
    """Read and check the header of a MetaImage file (.mha), raw or compressed.

    Raises
    ------
    ImageError
        ``not_an_image``, ``detached_data``, ``header_invalid``, ``wrong_dimensions`` or
        ``not_scalar``.
    """
    end = re.search(rb"ElementDataFile *= *([^\r\n]*)\r?\n", head)
    if not head.startswith((b"ObjectType", b"NDims")) or not end:
        raise ImageError("not_an_image", f"{name} does not begin with a MetaImage header. Name an image.")
    if end.group(1).strip() != b"LOCAL":
        raise detached(name)
    fields = _fields(head[: end.start()], rb"=")
    if fields.get("elementnumberofchannels", "1") != "1" or "_array" in fields.get("elementtype", ""):
        raise not_scalar(name, "multi-channel")
    if fields.get("binarydata", "true") != "true" or fields.get("headersize", "0") != "0":
        raise invalid(name, "announces text voxels or a second header, binary voxels were expected")
    _check_meta_place(name, fields)
    shape, notes = _shape(name, fields.get("dimsize", ""))
    return Header(
        shape=shape,
        dtype=_meta_dtype(name, fields),
        offset=end.end(),
        packed=fields.get("compresseddata") == "true",
        notes=notes + (() if "elementspacing" in fields else (_no_voxel_size(name),)),
    )


def _check_meta_place(name: str, fields: dict[str, str]) -> None:
    """Refuse what makes ITK's own parser write beyond its memory and take the process with it."""
    dimension = fields.get("ndims", "unknown")
    if dimension not in ("2", "3"):
        raise not_3d(name, f"an image of dimension {dimension}")
    if len(fields.get("dimsize", "").split()) != int(dimension):
        raise invalid(name, f"announces {dimension} dimensions and the size {fields.get('dimsize', '')!r}")
    for field, power in _META_NUMBERS.items():
        count = int(dimension) ** power
        numbers = fields.get(field, "0 " * count).split()
        if len(numbers) != count or not all(_NUMBER.fullmatch(number) for number in numbers):
            raise invalid(name, f"gives {field} as {fields[field]!r}, {count} numbers were expected")


def _fields(text: bytes, separator: bytes) -> dict[str, str]:
    pairs = (re.split(separator, line, maxsplit=1) for line in text.splitlines() if not line.startswith(b"#"))
    return {
        pair[0].decode("latin-1").strip().lower(): pair[1].decode("latin-1").strip().lower()
        for pair in pairs
        if len(pair) == 2
    }


def _shape(name: str, sizes: str) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    if not re.fullmatch(r"\d{1,12}( +\d{1,12})*", sizes):
        raise invalid(name, f"announces the size {sizes!r}, whole numbers of voxels were expected")
    shape = tuple(int(size) for size in sizes.split())
    if min(shape) < 1:
        raise invalid(name, f"announces a size of {in_words(shape)} voxels")
    if len(shape) == 2:
        return one_slice(name, shape)
    if len(shape) != 3:
        raise not_3d(name, f"a {len(shape)}-D image ({in_words(shape)})")
    return shape, ()


def _nrrd_dtype(name: str, fields: dict[str, str]) -> np.dtype:
    """Return NumPy's name for the NRRD type, of which ``short`` alone has six spellings."""
    kind = fields.get("type", "")
    if sized := re.fullmatch(r"(u?)int(8|16|32|64)(_t)?", kind):
        return _ordered(f"{sized[1] or 'i'}{int(sized[2]) // 8}", fields.get("endian", "") == "big")
    words = re.sub(r"^(signed|unsigned|u) *", "", kind).replace("long long", "longlong")
    code = _C_TYPES.get(words.removesuffix(" int"))
    if code is None:
        raise invalid(name, f"names the data type {kind!r}, which is not readable")
    code = code.replace("i", "u") if kind.startswith("u") else code
    return _ordered(code, fields.get("endian", "") == "big")


def _meta_dtype(name: str, fields: dict[str, str]) -> np.dtype:
    kind = fields.get("elementtype", "").removeprefix("met_")
    code = _META_TYPES.get(kind.removeprefix("u"))
    if code is None:
        raise invalid(name, f"names the data type {kind!r}, which is not readable")
    big = "true" in (fields.get("binarydatabyteordermsb"), fields.get("elementbyteordermsb"))
    return _ordered(code.replace("i", "u") if kind.startswith("u") else code, big)


def _ordered(code: str, big_endian: bool) -> np.dtype:
    return np.dtype((">" if big_endian else "<") + code)


def _nrrd_notes(name: str, fields: dict[str, str]) -> tuple[str, ...]:
    if {"space directions", "spacings"} & fields.keys():
        return ()
    return (_no_voxel_size(name),)


def _no_voxel_size(name: str) -> str:
    return f"{name} gives no voxel size; 1 x 1 x 1 mm was taken."
