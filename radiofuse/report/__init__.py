"""One HTML file from the files of a bundle or a selection, predictions or a patient's answer, and nothing else.

The ``plot_`` functions draw its figures of a table of predictions; they are imported on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import is_page_json, is_stream
from radiofuse.names import lazy_names
from radiofuse.report.page_file import lacking, refuse_foreign, refuse_inside, replace_page

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.bundle.evaluate import Evaluation
    from radiofuse.imaging.viewing import Viewing
    from radiofuse.report.call_figures import plot_confusion as plot_confusion
    from radiofuse.report.call_figures import plot_precision_recall as plot_precision_recall
    from radiofuse.report.cohort_figures import plot_cohort_flow as plot_cohort_flow
    from radiofuse.report.cohort_figures import plot_subgroups as plot_subgroups
    from radiofuse.report.experiment.misclassified import Portraits
    from radiofuse.report.forms.write import write_forms as write_forms
    from radiofuse.report.importance_figures import plot_beeswarm as plot_beeswarm
    from radiofuse.report.importance_figures import plot_importance as plot_importance
    from radiofuse.report.importance_figures import plot_importance_sums as plot_importance_sums
    from radiofuse.report.importance_figures import plot_waterfall as plot_waterfall
    from radiofuse.report.paper.write import write_paper as write_paper
    from radiofuse.report.patient.machine_text import MachineText
    from radiofuse.report.patient.words import Reader
    from radiofuse.report.predictions.plots import plot_aucs as plot_aucs
    from radiofuse.report.predictions.plots import plot_calibration as plot_calibration
    from radiofuse.report.predictions.plots import plot_decision_curve as plot_decision_curve
    from radiofuse.report.predictions.plots import plot_roc as plot_roc

_ROOMS = {
    "predictions.plots": ("plot_aucs", "plot_calibration", "plot_decision_curve", "plot_roc"),
    "importance_figures": ("plot_beeswarm", "plot_importance", "plot_importance_sums", "plot_waterfall"),
    "call_figures": ("plot_confusion", "plot_precision_recall"),
    "cohort_figures": ("plot_cohort_flow", "plot_subgroups"),
}
_PLOTS = {name: room for room, names in _ROOMS.items() for name in names}
_PACKS = {"write_forms": "forms.write", "write_paper": "paper.write"}
_WRITERS = (
    "write_evaluation_report",
    "write_patient_page",
    "write_predictions_report",
    "write_report",
    "write_selection_report",
)
__all__ = [*_PLOTS, *_PACKS, *_WRITERS]
_plot, __dir__ = lazy_names(__name__, _PLOTS | _PACKS)


def __getattr__(name: str) -> Any:
    try:
        return _plot(name)
    except ModuleNotFoundError as missing:
        raise lacking(missing) from missing


def write_report(
    bundle: str | Path | pd.DataFrame,
    path: str | Path | None = None,
    *,
    model: str | None = None,
    overwrite: bool = False,
    portraits: Portraits | None = None,
) -> Path:
    """Write the report of a bundle or of a table of predictions: one HTML file that needs no network and no script.

    Beside that of a bundle stands a JSON file of the same name, with every number of the page.

    Parameters
    ----------
    bundle : str, Path or DataFrame
        The bundle folder. Its tables and descriptions are read; the model is never opened. Or predictions, as
        ``cross_validated_predictions`` returns them or ``predictions.csv`` holds them: the page then has scores,
        comparisons of one model with the others, and curves, and says what needs a bundle and is left out.
    path : str or Path, optional
        Where to write; by default ``report.html`` beside the bundle folder. Needed for predictions. The file is
        written aside and renamed, so that a reader never sees half of it.
    model : str, optional
        Of predictions, the model that is compared with the others and whose curves are drawn; by default the first.
        A bundle names its own.
    overwrite : bool, default=False
        Whether a file that is there already and is no page of radiofuse may be replaced.
    portraits : mapping of (str, str) to Portrait, optional
        Of a bundle: list by name the samples that are called wrongly, with their pictures by sample and modality; an
        empty mapping lists them without. Left out, the page names none.

    Returns
    -------
    Path
        The file written. Equal bundles give equal bytes.

    Raises
    ------
    BundleError
        If the folder lacks a file, a column or an entry that the report needs.
    RequestError
        If the extra ``report`` is not installed, the predictions cannot be scored, or the file cannot be written
        or is not ours.

    Examples
    --------
    >>> write_report("no/such/bundle")
    Traceback (most recent call last):
    radiofuse.errors.BundleError: There is no bundle folder at no/such/bundle. ...
    """
    try:
        from radiofuse.report.experiment.contents import read_contents
        from radiofuse.report.experiment.page import page_values, render_page
        from radiofuse.report.page_json import page_json
    except ModuleNotFoundError as missing:
        raise lacking(missing) from missing
    if not isinstance(bundle, str | Path):
        if path is None:
            raise RequestError("A report of predictions has no folder to lie beside: pass path, a .html file.")
        return write_predictions_report(bundle, path, model=model, overwrite=overwrite)
    bundle = Path(bundle)
    target = Path(path) if path is not None else bundle.resolve().parent / "report.html"
    refuse_inside(bundle, target)
    refuse_foreign(target, overwrite)
    beside = target.with_suffix(".json")
    if beside == target:
        raise RequestError(f"{target} is where the numbers of the page go; name the page otherwise, as report.html.")
    if not is_stream(target):
        refuse_foreign(beside, overwrite, is_page_json)
    values = page_values(read_contents(bundle), portraits)
    replace_page(target, render_page(values))
    if not is_stream(target):
        replace_page(beside, page_json(values))
    return target


def write_predictions_report(
    predictions: pd.DataFrame,
    path: str | Path,
    *,
    model: str | None = None,
    scores: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of a table of predictions, and perhaps its scores as a table.

    Parameters
    ----------
    predictions : DataFrame
        As for `write_report`; ``radiofuse report`` reads tables that have less.
    path : str or Path
        Where to write the page.
    model : str, optional
        As for `write_report`.
    scores : str or Path, optional
        Where to write the scores of the page, all metrics with intervals, as CSV.
    overwrite : bool, default=False
        Whether a page that is not ours may be replaced.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RequestError
        If the extra ``report`` is not installed, the predictions cannot be scored, or the file cannot be written
        or is not ours.
    """
    try:
        from radiofuse.report.predictions.page import all_scores, predictions_by_outcome, render_predictions
        from radiofuse.tables.spreadsheet import write_csv
    except ModuleNotFoundError as missing:
        raise lacking(missing) from missing
    refuse_foreign(Path(path), overwrite)
    parts = predictions_by_outcome(predictions, model)
    replace_page(Path(path), render_predictions(parts))
    if scores is not None:
        write_file(Path(scores), partial(write_csv, all_scores(parts)))
    return Path(path)


def write_selection_report(tables: Mapping[str, pd.DataFrame], record: Mapping[str, Any], path: str | Path) -> Path:
    """Write the report of a selection: one HTML file that needs no network and no script.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        selection, cv_curve, path, predictions, performance, correlation, as ``python -m radiofuse.select`` writes them.
    record : mapping
        As in ``selection.json``.
    path : str or Path
        Where to write.

    Returns
    -------
    Path
        The file written. Equal tables give equal bytes.

    Raises
    ------
    RequestError
        If the extra ``report`` is not installed, or the file cannot be written.
    """
    try:
        from radiofuse.report.selection.contents import SelectionContents
        from radiofuse.report.selection.page import render_selection
    except ModuleNotFoundError as missing:
        raise lacking(missing) from missing
    replace_page(Path(path), render_selection(SelectionContents(**tables, record=record)))
    return Path(path)


def write_evaluation_report(evaluation: Evaluation, path: str | Path, files: Mapping[str, str] | None = None) -> Path:
    """Write the page of a bundle's evaluation on other patients: one HTML file without network and script.

    Parameters
    ----------
    evaluation : Evaluation
        As ``evaluate_cohort`` returns it.
    path : str or Path
        Where to write.
    files : mapping of str to str, optional
        The files beside the page, and what each holds.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    RequestError
        If the extra ``report`` is not installed, or the file cannot be written.
    """
    try:
        from radiofuse.report.evaluation.page import render_evaluation
    except ModuleNotFoundError as missing:
        raise lacking(missing) from missing
    replace_page(Path(path), render_evaluation(evaluation, files or {}))
    return Path(path)


def write_patient_page(
    answer: Mapping[str, Any],
    pictures: Viewing | None,
    path: str | Path,
    *,
    reader: Reader = "doctor",
    machine: MachineText | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the page of one patient: one HTML file that needs no network, with a viewer for the slices.

    Parameters
    ----------
    answer : mapping
        What ``radiofuse predict --patient`` writes as JSON. Every number in the page's text is one of it.
    pictures : Viewing or None
        As ``radiofuse.imaging.viewing.view_images`` returns them; None: a page without pictures.
    path : str or Path
        Where to write.
    reader : "doctor" or "patient"
        Wording and detail; the values are the same.
    machine : MachineText, optional
        A language model's text on the answer, which stands apart.
    overwrite : bool, default=False
        Whether a file that is no page of radiofuse may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    RequestError
        If the extra ``report`` is not installed, the answer is none, or the file cannot be written or is not ours.
    """
    try:
        from radiofuse.report.patient.page import render_patient_page
    except ModuleNotFoundError as missing:
        raise lacking(missing) from missing
    refuse_foreign(Path(path), overwrite)
    replace_page(Path(path), render_patient_page(answer, pictures, reader, machine))
    return Path(path)
