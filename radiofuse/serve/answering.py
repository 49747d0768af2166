"""One patient's answer: the files under the names that were chosen, the bundle's answer, and its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from radiofuse.bundle.naming import rows_of_patient
from radiofuse.bundle.one_patient import PLAIN, read_patient
from radiofuse.bundle.patient_view import view_patient
from radiofuse.files.aside import write_file
from radiofuse.progress import Meter
from radiofuse.report import write_patient_page
from radiofuse.report.patient.words import Reader
from radiofuse.serve.bundles import Bundles
from radiofuse.serve.names import suffix_of
from radiofuse.serve.places import places_of, without_paths
from radiofuse.serve.tasks import ANSWER, PATIENT, STORE, Answer

MASK_NAME = "seg"
READERS: tuple[Reader, ...] = ("doctor", "patient")


def answer_patient(task: Answer, bundles: Bundles, meter: Meter) -> dict[str, Any]:
    """Write the answer and its pages into the folder of the result, and return the answer.

    Raises
    ------
    RadiofuseError
        As ``radiofuse predict --patient`` refuses.
    """
    folder = task.folder / task.root if task.layout else _assembled(task)
    bundle = bundles.load(task.bundle)
    read = read_patient(bundle, folder, task.layout or PLAIN, beside=task.beside)
    rows, patient = rows_of_patient(bundle, read, bundles.names, store=task.folder / STORE, progress=meter)
    view = view_patient(rows, patient, progress=meter)
    places = places_of(task, bundles.given) | {str(folder): "", str(bundle.folder): bundle.folder.name}
    told = without_paths(view.told, places)
    with meter("Writing the pages", "pages") as progress:
        write_file(task.out / ANSWER, partial(_write_json, told))
        for number, reader in enumerate(READERS):
            progress(number, len(READERS))
            write_patient_page(told, view.pictures, task.out / f"{reader}.html", reader=reader)
    return told


def _assembled(task: Answer) -> Path:
    """Lay the chosen files into a folder of their own, called by what they were said to be."""
    folder = task.folder / PATIENT / task.sample_id
    folder.mkdir(parents=True)
    for one in task.chosen:
        stem = MASK_NAME if one.what == "mask" else one.what
        (task.folder / one.path).rename(folder / f"{stem}{suffix_of(one.path)}")  # the upload goes afterwards anyway
    return folder


def _write_json(told: Mapping[str, Any], file: BinaryIO) -> None:
    file.write(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n")
