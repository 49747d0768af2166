"""What a request names, as one raw table: a file, one per modality, or a feature store with its cohort."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.files.outputs import sha256_of
from radiofuse.selection_run.files import MADE_BY, read_file, rename_ids
from radiofuse.selection_run.joining import join_labels, join_modalities, label_column
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.cohort import PATIENT, SAMPLE, SITE


@dataclass(frozen=True)
class RawTable:
    """One row per sample, as the files have it.

    Attributes
    ----------
    rows : DataFrame
        Ids under ``sample_id`` and ``patient_id``, the label, features, whatever else.
    label : str
        The label's column.
    positive : str or None
        The value that ``--label COLUMN=VALUE`` names.
    source : str
        For sentences.
    inputs : dict
        SHA-256 of each file, by path; of a store, that of the features read.
    notes : tuple of str
    """

    rows: pd.DataFrame
    label: str
    positive: str | None
    source: str
    inputs: dict[str, str]
    notes: tuple[str, ...] = ()


def read_raw(request: SelectionRequest) -> RawTable:
    """Read what a request names.

    Raises
    ------
    RequestError
        If there is no such file or column.
    CohortError
        If files do not fit together; lists every problem.
    RadiofuseError
        If a file cannot be read.
    """
    _require_roles_apart(request)
    if request.table is not None and request.table.is_dir():
        return _read_store(request)
    notes: list[str] = []
    if request.table is None:
        rows = join_modalities(request, notes)
        source = " with ".join(map(str, request.modality_files.values()))
    else:
        rows, source = rename_ids(read_file(request.table, request), request, request.table), str(request.table)
    if request.labels is not None:
        rows, source = join_labels(rows, request, notes), f"{source} with {request.labels}"
    label, positive = label_column(request.label, rows, source)
    if request.groups is not None and PATIENT not in rows:
        raise RequestError(f"{source} has no column {request.groups!r} for --groups.")
    if request.site is not None and SITE not in rows:
        raise RequestError(f"{source} has no column {request.site!r} for --site.")
    files = [path for path in (request.table, *request.modality_files.values(), request.labels) if path is not None]
    return RawTable(rows, label, positive, source, {str(path): sha256_of(path) for path in files}, tuple(notes))


def _require_roles_apart(request: SelectionRequest) -> None:
    """Refuse a column that is asked to be two things that exclude each other, such as label and covariate."""
    roles = {SAMPLE: "the sample id", PATIENT: "the patient id"}
    named = {request.sample_id: "--id", request.groups: "--groups", request.site: "--site"}
    roles.update({name: option for name, option in named.items() if name is not None})
    label = dict.fromkeys(request.label_columns, "the label")
    for name in roles.keys() & label.keys():
        raise RequestError(f"Column {name!r} is named as the label and as {roles[name]}; name another with --label.")
    roles.update(label)
    for name in request.covariates:
        if name in roles:
            raise RequestError(
                f"--covariates names {name!r}, which is {roles[name]} already; a covariate is something else that is "
                "known of a patient beforehand, such as the age. Leave it out."
            )


def _read_store(request: SelectionRequest) -> RawTable:
    from radiofuse.extract import has_images
    from radiofuse.extract.stored import find_stored
    from radiofuse.store import FeatureStore
    from radiofuse.tables.cohort import read_cohort

    store, cohort = request.table, request.cohort
    if not (store / "blocks").is_dir():
        raise RequestError(f"{store} is a folder, and no feature store; name the file of the table: {MADE_BY}")
    if cohort is None:
        raise RequestError(f"{store} is a feature store, which holds no labels. Name the cohort table with --cohort.")
    opened = FeatureStore(store)
    names = [one.name for one in opened.blocks()]
    if request.block is None and len(names) != 1:
        raise RequestError(f"{store} has {len(names)} blocks; choose with --block: {', '.join(names) or 'none'}.")
    samples = read_cohort(cohort, missing_files="keep")
    label, positive = label_column(request.label, samples, str(cohort))
    if request.site is not None:
        samples = rename_ids(samples, request, cohort)
    block = opened.block(request.block or names[0])
    keys, notes = None, []
    if has_images(samples):
        found = find_stored(samples, opened, block)
        keys, notes = found.keys, found.notes(block.name)
    extra = [name for name in (request.groups, SITE, *request.covariates) if name in samples]
    samples = samples[list(dict.fromkeys([SAMPLE, PATIENT, label, *extra]))]
    features = opened.read(block, samples[SAMPLE], keys=keys).reset_index(drop=True)
    content = hashlib.sha256("\n".join(features.columns).encode() + features.to_numpy().tobytes()).hexdigest()
    rows = pd.concat([samples.reset_index(drop=True), features], axis=1)
    inputs = {str(store): content, str(cohort): sha256_of(cohort)}
    return RawTable(rows, label, positive, f"{store} with {cohort}", inputs, tuple(notes))
