"""A selection from the request to its tables: read, check, select, count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from radiofuse.files.outputs import require_own_tables, sha256_of
from radiofuse.progress import Meter, silent
from radiofuse.selection_run.chain import make_chain, refuse_steps_of_two_classes
from radiofuse.selection_run.nested import fit_selections
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.selection_run.table_warnings import describe_table
from radiofuse.selection_run.tables import RECORD, SelectionTables, all_tables, file_names
from radiofuse.tables.features import FeatureTable, check_table
from radiofuse.tables.labels import tell_classes
from radiofuse.work.cluster import on_cluster
from radiofuse.work.environment import what_moves_bits
from radiofuse.work.kept import FOLDER, Kept, digest_of, digest_of_code
from radiofuse.work.own_code import modules_named_in


def read_table(request: SelectionRequest) -> FeatureTable:
    """Read and check the table of a request.

    Raises
    ------
    RequestError
        If an option is wrong or the output cannot be written; told before a large table is read.
    CohortError
        If the table cannot be used.
    RadiofuseError
        If a file cannot be read.
    """
    # For its refusals: a wrong step is told before a large table is read.
    make_chain(request)
    if request.out is not None:
        names = file_names(page=request.report)
        require_own_tables(request.out, names, RECORD, _files_read(request), overwrite=request.overwrite)
    table = check_table(read_raw(request), request.roles, n_folds=request.folds)
    settle_steps(request, table)
    return table


def settle_steps(request: SelectionRequest, table: FeatureTable) -> SelectionRequest:
    """Return the request with the steps for as many classes as a table has.

    Raises
    ------
    RequestError
        If a step that is asked for knows two classes only, and there are more.
    """
    if table.several is not None:
        refuse_steps_of_two_classes(request.of_classes(len(table.classes)), table.several)
    return request.of_classes(len(table.classes))


def describe_read(table: FeatureTable) -> list[str]:
    """Return in sentences what a table holds, its classes or the positive one, and what was left out."""
    return [*describe_table(table), tell_classes(table.label, table.classes, ordered=table.ordered), *table.notes]


def _files_read(request: SelectionRequest) -> list[Path | None]:
    table = request.table if isinstance(request.table, Path) else None
    return [table, request.labels, request.cohort, request.icc, *request.modality_files.values()]


def find_kept(table: FeatureTable, request: SelectionRequest) -> Kept | None:
    """Return the outer folds that an earlier run finished and kept in the output folder, if one is asked for."""
    if request.out is None:
        return None
    request = settle_steps(request, table)
    own = modules_named_in([request.step_names, request.settings])
    rows = (table.features, table.y, table.patients, table.covariates, table.sites)
    # A table of ICCs may change under the same name.
    iccs = None if request.icc is None else sha256_of(request.icc)
    key = digest_of(rows, iccs, request.settings, what_moves_bits(), digest_of_code(*own))
    return Kept(request.out / FOLDER, key)


def run_selection(
    table: FeatureTable, request: SelectionRequest, kept: Kept | None = None, *, progress: Meter = silent
) -> SelectionTables:
    """Run the selections on a checked table; outer folds that were kept are not fitted again.

    Raises
    ------
    KeyboardInterrupt
        If interrupted before the selections on all samples are finished; later, the tables hold what is finished.
    """
    request = settle_steps(request, table)
    with on_cluster(request.dask, request.jobs) as jobs, progress("Selecting", "selections") as on_done:
        results = fit_selections(table, replace(request, jobs=jobs), on_done, kept)
    return all_tables(results, table, request)
