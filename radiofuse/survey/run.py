"""A survey from the request to its tables: read, check, select, count."""

from __future__ import annotations

from pathlib import Path

from radiofuse import _cli
from radiofuse.bundle import read_environment
from radiofuse.kept import FOLDER, Kept, digest_of, digest_of_code
from radiofuse.labels import positive_class
from radiofuse.outputs import require_own_tables
from radiofuse.survey.chain import make_chain
from radiofuse.survey.checks import FeatureTable, check_table
from radiofuse.survey.nested import survey_selection
from radiofuse.survey.reading import read_raw
from radiofuse.survey.request import SurveyRequest
from radiofuse.survey.suspicions import describe_table
from radiofuse.survey.tables import RECORD, SurveyTables, file_names, survey_tables


def read_table(request: SurveyRequest) -> FeatureTable:
    """Read and check the table of a request; say on stderr what it holds.

    Raises
    ------
    RequestError
        If an option is wrong or the output cannot be written; told before a large table is read.
    CohortError
        If the table cannot be used.
    RadiofuseError
        If a file cannot be read.
    """
    make_chain(request)
    if request.out is not None:
        names = file_names(page=request.report)
        require_own_tables(request.out, names, RECORD, _files_read(request), overwrite=request.overwrite)
    table = check_table(read_raw(request), request)
    for line in (*describe_table(table), positive_class(table.label, table.classes[1]), *table.notes):
        _cli.say(line)
    return table


def _files_read(request: SurveyRequest) -> list[Path | None]:
    return [request.table, request.labels, request.cohort, *request.modality_files.values()]


def find_kept(table: FeatureTable, request: SurveyRequest) -> Kept | None:
    """Return the outer folds that an earlier run finished and kept in the output folder, if one is asked for."""
    if request.out is None:
        return None
    own = sorted({name.partition(":")[0] for name in request.step_names if ":" in name})
    rows = (table.features, table.y, table.patients, table.covariates, table.sites)
    key = digest_of(rows, request.settings, read_environment(), digest_of_code(*own))
    return Kept(request.out / FOLDER, key)


def survey_table(table: FeatureTable, request: SurveyRequest, kept: Kept | None = None) -> SurveyTables:
    """Run the selections on a checked table; outer folds that were kept are not fitted again.

    Raises
    ------
    KeyboardInterrupt
        If interrupted before the selections on all samples are finished; later, the tables hold what is finished.
    """
    with _cli.progress("Selecting", "selections") as on_done:
        surveys = survey_selection(table, request, on_done, kept)
    return survey_tables(surveys, table, request)
