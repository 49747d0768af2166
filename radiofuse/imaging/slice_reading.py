"""A slice set read back: whose slices there are, which hold tumor, and the arrays themselves."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.layouts.labels import plain_id
from radiofuse.imaging.slice_set import PLANES, SEQUENCES
from radiofuse.tables.columns import CLINICAL, join
from radiofuse.tables.roles import PATIENT, SAMPLE
from radiofuse.tables.text import read_file
from radiofuse.wording import listed, some

METADATA = "dataset_metadata.csv"
_FOLLOW_UP = re.compile(r"_FU\w*$")


@dataclass(frozen=True)
class SliceSet:
    """A folder of slices.

    Attributes
    ----------
    folder : Path
    cohort : DataFrame
        A row per sample: ``sample_id``, ``patient_id``, ``clinical__sex``, ``clinical__age``, ``who_grade``; text.
    slices : DataFrame
        A row per slice and modality: ``sample_id``, ``plane``, ``modality``, ``k``, ``path`` below the folder, and
        ``has_tumor``.

    Examples
    --------
    >>> SliceSet(Path(), pd.DataFrame(), pd.DataFrame({"k": [1, 2]})).slices["k"].tolist()
    [1, 2]
    """

    folder: Path
    cohort: pd.DataFrame
    slices: pd.DataFrame

    def read(self, sample_id: str, modality: str, plane: str = "Axial", *, tumor: bool = False) -> np.ndarray:
        """Return the slices of one sample, shape (n_slices, rows, columns), in the order of k.

        Parameters
        ----------
        sample_id, modality, plane : str
        tumor : bool, default=False
            Whether those with tumor alone are read.

        Raises
        ------
        RequestError
            If there is none.
        ImageError
            If a file holds no array, or slices differ in size.
        """
        rows = self.slices
        wanted = (rows[SAMPLE] == sample_id) & (rows["modality"] == modality) & (rows["plane"] == plane)
        rows = rows[wanted & (rows["has_tumor"] if tumor else True)]
        if rows.empty:
            raise RequestError(f"{self.folder} has no {plane} slice of {modality} of {sample_id}.")
        arrays = [_array(self.folder / path) for path in rows.sort_values("k")["path"]]
        if len({array.shape for array in arrays}) > 1:
            raise ImageError("wrong_dimensions", f"The slices of {sample_id} ({modality}) differ in size.")
        return np.stack(arrays)


def read_slice_set(folder: str | Path) -> SliceSet:
    """Read which slices a folder holds, and the table beside them; no slice is opened.

    Parameters
    ----------
    folder : path

    Raises
    ------
    RequestError
        If the folder holds no slices, or those of several planes, or the table names samples that it does not hold.
    """
    folder = Path(folder)
    named = {called: modality for modality, called in SEQUENCES.items()}
    rows = [
        (
            *path.relative_to(folder).parts[:3],
            _k(path.stem, path),
            path.relative_to(folder).as_posix(),
        )
        for path in sorted(folder.glob("*/*/*/slice_*.npz"))
        if path.parts[-3] in PLANES
    ]
    if not rows:
        raise RequestError(f"{folder} holds no <sample>/<plane>/<sequence>/slice_<k>.npz.")
    planes = dict.fromkeys(plane for _, plane, *_ in rows)
    if len(planes) > 1:
        what = f"{folder} holds slices of {listed(list(planes))}, and the numbers in {METADATA} are of one plane"
        raise RequestError(f"{what}. Keep each plane in a folder of its own.")
    slices = pd.DataFrame(rows, columns=[SAMPLE, "plane", "modality", "k", "path"])
    slices["modality"] = slices["modality"].map(lambda called: named.get(called, called))
    table = _metadata(folder, slices)
    marked = pd.MultiIndex.from_frame(table[[SAMPLE, "k"]])
    slices["has_tumor"] = pd.MultiIndex.from_frame(slices[[SAMPLE, "k"]]).isin(marked)
    return SliceSet(folder, _cohort(slices, table), slices)


def _metadata(folder: Path, slices: pd.DataFrame) -> pd.DataFrame:
    """Return the table's rows with the ids that the folders have."""
    path = folder / METADATA
    if not path.is_file():
        raise RequestError(f"{folder} has no {METADATA}, which says where the tumors are.")
    table = read_file(path, lambda name: True).rows
    lacking = [name for name in ("ID", "slice_name") if name not in table]
    if lacking:
        raise RequestError(f"{path} has no column {lacking[0]!r}; ID,slice_name,sex,age,WHO_grade were expected.")
    samples = {_number(sample): sample for sample in slices[SAMPLE].unique()}
    ids = table["ID"].map(_number)
    unknown = table["ID"][~ids.isin(samples)].unique()
    if len(unknown):
        raise RequestError(f"{path} names samples without a folder: {some(unknown)}.")
    return table.assign(**{SAMPLE: ids.map(samples), "k": [_k(name, path) for name in table["slice_name"]]})


def _k(name: str, where: Path) -> int:
    """Return the number of a slice by its name."""
    k = name.removeprefix("slice_")
    if not k.isdecimal():
        raise RequestError(f"{where} calls a slice {name!r}; slice_ and a number was expected, as slice_81.")
    return int(k)


def _number(text: str) -> str:
    return plain_id(text.strip().removeprefix("UCSF-PDGM-"))


def _cohort(slices: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    called = {"sex": join(CLINICAL, "sex"), "age": join(CLINICAL, "age"), "WHO_grade": "who_grade"}
    known = table.drop_duplicates(SAMPLE).set_index(SAMPLE)
    samples = pd.Index(slices[SAMPLE].unique())
    values = {name: known[column].reindex(samples).fillna("") for column, name in called.items() if column in known}
    patients = samples.map(lambda sample: _FOLLOW_UP.sub("", sample))
    return pd.DataFrame({SAMPLE: samples, PATIENT: patients, **{name: list(of) for name, of in values.items()}})


def _array(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return file[file.files[0]]
    except (OSError, EOFError, ValueError, TypeError, LookupError, BadZipFile, zlib.error) as error:
        raise ImageError("file_corrupted", f"{path.name} holds no array ({error}). Write the slices again.") from None
