"""The figures of the report as files: SVG and PDF, each with what it was drawn from as CSV."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator

import pandas as pd
from matplotlib.figure import Figure

from radiofuse.report.drawing import Drawing
from radiofuse.report.experiment import pictures
from radiofuse.report.experiment.calls import confusion_picture, precision_pictures
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.importance import GROUPS, ranking_picture, sums_picture
from radiofuse.report.experiment.patients import flow_picture, subgroups_picture
from radiofuse.report.look import style
from radiofuse.report.pictures import Picture
from radiofuse.tables.roles import PATIENT, SAMPLE
from radiofuse.tables.spreadsheet import write_csv

NAMING = (SAMPLE, PATIENT)  # what is handed to a journal names nobody
_OF_NOBODY = {"CreationDate": None, "Creator": None, "Producer": None}  # else equal bundles would give other bytes


def figure_files(contents: Contents) -> dict[str, bytes]:
    """Return the figures of all outcomes and their captions by the name of their file; of several with a number."""
    parts = [contents.of(outcome) for outcome in contents.outcomes]
    endings = [f"_{place}" if len(parts) > 1 else "" for place in range(1, len(parts) + 1)]
    return files_of_pictures(
        (f"{name}{ending}", several)
        for part, ending in zip(parts, endings, strict=True)
        for name, several in _pictures(part)
    )


def files_of_pictures(found: Iterable[tuple[str, Iterable[Picture | None]]]) -> dict[str, bytes]:
    """Return figures by the name of their file, and their captions."""
    files, captions = {}, []
    for name, picture in _numbered(found):
        if isinstance(picture.uri, Drawing):
            files |= _written(f"figure_{name}", picture.uri, picture.data)
            captions.append((f"figure_{name}", picture.caption))
    files["figures.csv"] = _as_csv(pd.DataFrame(captions, columns=["figure", "caption"]))
    return files


def _pictures(contents: Contents) -> Iterator[tuple[str, Iterable[Picture | None]]]:
    yield "cohort_flow", [flow_picture(contents)]
    yield "auc", [pictures.auc_picture(contents)]
    yield "differences", [pictures.reference_picture(contents)]
    yield "roc", pictures.all_roc_pictures(contents)
    yield "precision_recall", precision_pictures(contents)
    yield "calls", [confusion_picture(contents)]
    yield "calibration", pictures.calibration_pictures(contents)
    yield "decision_curve", [pictures.decision_curve_picture(contents)]
    yield "subgroups", [subgroups_picture(contents)]
    own = contents.of_model(contents.selecting[0]) if contents.selecting else contents
    yield "weights", pictures.weight_pictures(own)
    # Swarms and waterfalls are of single patients: not for a paper.
    yield "importance", [ranking_picture(own, measure) for measure in ("importance", "shap")]
    yield "importance_sums", [sums_picture(own, by) for by in GROUPS]


def _numbered(found: Iterable[tuple[str, Iterable[Picture | None]]]) -> Iterator[tuple[str, Picture]]:
    """Yield pictures with the names of their files: a number tells those of one kind apart."""
    for name, several in found:
        there = [picture for picture in several if picture is not None]
        for place, picture in enumerate(there):
            yield f"{name}_{place + 1}" if len(there) > 1 else name, picture


def _written(name: str, drawing: Drawing, data: pd.DataFrame | None) -> dict[str, bytes]:
    files = {f"{name}.svg": base64.b64decode(drawing.partition(",")[2]), f"{name}.pdf": _as_pdf(drawing.figure)}
    if data is not None:
        files[f"{name}.csv"] = _as_csv(data.drop(columns=[*NAMING], errors="ignore"))
    return files


def _as_pdf(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="pdf", metadata=_OF_NOBODY)
    return buffer.getvalue()


def _as_csv(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    write_csv(table, buffer)
    return buffer.getvalue()
