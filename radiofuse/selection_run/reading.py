"""What a request names, as one raw table: a file, one per modality, or a feature store with its cohort."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.files.objects import ObjectPath
from radiofuse.files.outputs import sha256_of
from radiofuse.files.places import Place
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import MADE_BY, RawTable
from radiofuse.tables.joining import join_labels, join_modalities, label_column, no_column, read_rows, rename_ids
from radiofuse.tables.roles import PATIENT, SAMPLE, SITE


def read_raw(request: SelectionRequest) -> RawTable:
    """Read what a request names.

    Raises
    ------
    RequestError
        If there is no such file or column.
    CohortError
        If a file cannot be read, or files do not fit together; lists every problem.
    """
    _require_roles_apart(request)
    if isinstance(request.table, ObjectPath) or (request.table is not None and request.table.is_dir()):
        return _read_store(request, request.table)
    roles, several = request.roles, request.table is None or request.labels is not None
    files = [path for path in (request.table, *request.modality_files.values(), request.labels) if path is not None]
    for path in files:
        _require_file(path)
    notes: list[str] = []
    if request.table is None:
        rows, notes = join_modalities(request.modality_files, roles, intersect=request.intersect)
        source = " with ".join(map(str, request.modality_files.values()))
    else:
        rows = rename_ids(read_rows(request.table, roles), roles, request.table, several=several)
        source = str(request.table)
    if request.labels is not None:
        rows, of_join = join_labels(rows, request.labels, roles)
        source, notes = f"{source} with {request.labels}", notes + of_join
    digests = _digests(*files, request.icc)
    _require_files_apart(request.modality_files, digests)
    label, positive = label_column(roles, rows, source)
    if request.groups is not None and PATIENT not in rows:
        raise RequestError(no_column(source, request.groups, rows.columns, " for --groups"))
    if request.site is not None and SITE not in rows:
        raise RequestError(no_column(source, request.site, rows.columns, " for --site"))
    return RawTable(rows, label, positive, source, digests, tuple(notes))


def _digests(*files: Path | None) -> dict[str, str]:
    return {str(path): sha256_of(path) for path in files if path is not None}


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise RequestError(f"{path} is a folder. Name the file of the table; {MADE_BY}")
    if path.exists() and not path.is_file():
        raise RequestError(f"{path} is a pipe, and a table is read more than once; save it in a file first.")


def _require_files_apart(files: Mapping[str, Path], digests: Mapping[str, str]) -> None:
    """Refuse one file, or a copy of it, as two modalities: their fusion would count the same numbers twice."""
    named: dict[str, str] = {}
    for name, path in files.items():
        first = named.setdefault(digests[str(path)], name)
        if first != name:
            raise RequestError(
                f"--features names the same content for {first} and {name}: {files[first]} and {path}. Correct one."
            )


def _require_roles_apart(request: SelectionRequest) -> None:
    """Refuse a column that is asked to be two things that exclude each other, such as label and covariate."""
    roles = {SAMPLE: "the sample id", PATIENT: "the patient id"}
    named = {request.sample_id: "--id", request.groups: "--groups", request.site: "--site"}
    roles.update({name: option for name, option in named.items() if name is not None})
    label = dict.fromkeys(request.roles.labels, "the label")
    for name in roles.keys() & label.keys():
        raise RequestError(f"Column {name!r} is named as the label and as {roles[name]}; name another with --label.")
    roles.update(label)
    for name in request.covariates:
        if name in roles:
            raise RequestError(
                f"--covariates names {name!r}, which is {roles[name]} already; a covariate is something else that is "
                "known of a patient beforehand, such as the age. Leave it out."
            )


def _cohort_of_store(request: SelectionRequest, store: Place) -> Path:
    """Return the table with the labels of a store's samples, after a look at what goes with a store."""
    from radiofuse.store.losses import plainly

    with plainly(f"{store} cannot be read"):
        is_store = (store / "blocks").is_dir()
    if not is_store:
        what = "a folder, and " if isinstance(store, Path) else ""
        raise RequestError(f"{store} is {what}no feature store; name the file of the table: {MADE_BY}")
    if request.labels is not None:
        raise RequestError(f"--labels goes with a table; of the store {store} they stand in the table of --cohort.")
    if request.cohort is None:
        raise RequestError(f"{store} is a feature store, which holds no labels. Name the cohort table with --cohort.")
    return request.cohort


def _read_store(request: SelectionRequest, store: Place) -> RawTable:
    from radiofuse.extract import has_images  # here: a table that is a file has no need of all that
    from radiofuse.extract.stored import find_stored
    from radiofuse.store import FeatureStore
    from radiofuse.tables.cohort import read_cohort

    cohort = _cohort_of_store(request, store)
    opened = FeatureStore(store)
    names = [block.name for block in opened.blocks()]
    if request.block is None and len(names) != 1:
        raise RequestError(f"{store} has {len(names)} blocks; choose with --block: {', '.join(names) or 'none'}.")
    samples = read_cohort(cohort, missing_files="keep")
    label, positive = label_column(request.roles, samples, str(cohort))
    if request.site is not None:
        samples = rename_ids(samples, request.roles, cohort)
    block = opened.block(request.block or names[0])
    keys, notes = None, []
    if has_images(samples):
        stored = find_stored(samples, opened, block)
        keys, notes = stored.keys, stored.notes(block.name)
    extra = [name for name in (request.groups, SITE, *request.covariates) if name in samples]
    samples = samples[list(dict.fromkeys([SAMPLE, PATIENT, label, *extra]))]
    features = opened.read(block, samples[SAMPLE], keys=keys).reset_index(drop=True)
    # Files of a store are cut by chance, and may be merged; what they hold stays the same.
    content = hashlib.sha256("\n".join(features.columns).encode())
    content.update(np.ascontiguousarray(features.to_numpy()).data)  # as it lies: its bytes would hold the table twice
    rows = pd.concat([samples.reset_index(drop=True), features], axis=1)
    inputs = {str(store): content.hexdigest(), **_digests(cohort, request.icc)}
    return RawTable(rows, label, positive, f"{store} with {cohort}", inputs, tuple(notes))
