"""All tables of a selection together, and their files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import notebook
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import UNFINISHED, is_own, own_files, sha256_of
from radiofuse.prepare.impute import fill_gaps
from radiofuse.prepare.standardize import standardize
from radiofuse.select.chain import SelectorChain
from radiofuse.selection_run.chain import cv_curve, penalized_step
from radiofuse.selection_run.features import selection_table
from radiofuse.selection_run.fold_tables import (
    folds_table,
    performance_table,
    predictions_table,
    stability_table,
    stack,
)
from radiofuse.selection_run.nested import ModalitySelection
from radiofuse.selection_run.record import as_json, selection_record
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.selection_run.selection_warnings import selection_warnings
from radiofuse.tables.features import FeatureTable
from radiofuse.tables.spreadsheet import write_csv
from radiofuse.work.jobs import one_thread

PAGE, RECORD = "report.html", "selection.json"
MOST_CORRELATED = 200  # features whose pairs are told
CURVE_COLUMNS = (
    "modality",
    "repeat",
    "fold",
    "lambda",
    "cvm",
    "cvsd",
    "cvup",
    "cvlo",
    "nzero",
    "is_min",
    "is_1se",
)


@dataclass(frozen=True, eq=False)
class SelectionTables:
    """What a selection found: a page or a file needs nothing else.

    Attributes
    ----------
    selection : DataFrame
        One row per feature; see `selection_table`.
    cv_curve : DataFrame
        modality, repeat, fold (none for the selection on all samples), lambda, cvm, cvsd, cvup, cvlo, nzero,
        is_min, is_1se.
    path : DataFrame
        modality, lambda, feature, coef, dev_ratio: non-zero coefficients of the selection on all samples; of more
        than two classes also class, and a row for each.
    folds, predictions, performance, stability : DataFrame
        As the functions of `fold_tables` say.
    trace : DataFrame
        modality, step, feature, value, why, in_favor_of: one row per removed feature.
    correlation : DataFrame
        modality, feature_a, feature_b, r: pairs of what pruning kept, at most `MOST_CORRELATED` features.
    record : dict
        What `selection_record` returns, and ``warnings``.
    """

    selection: pd.DataFrame
    cv_curve: pd.DataFrame
    path: pd.DataFrame
    folds: pd.DataFrame
    predictions: pd.DataFrame
    performance: pd.DataFrame
    stability: pd.DataFrame
    trace: pd.DataFrame
    correlation: pd.DataFrame
    record: dict[str, Any]

    def _repr_html_(self) -> str:
        kinds = ("auc_nested", "auc_optimistic")
        aucs = pd.DataFrame(
            [
                {"model": model, "metric": kind, **{name: found[name] for name in ("value", "low", "high")}}
                for kind in kinds
                for model, found in self.record[kind].items()
            ],
            columns=["model", "metric", "value", "low", "high"],
        )
        scored = notebook.scores("AUC, features selected inside the folds, and on all samples first", aucs)
        ranked = self.selection[self.selection["rank"].notna()].sort_values(["modality", "rank"])
        shown = ["feature", "modality", "selected", "times_selected", "auc", "p", "q_bh", "median_coef"]
        return notebook.page(scored, notebook.frame("Features, the best first", ranked, shown))

    def write(self, folder: Path) -> None:
        """Write every table as ``<name>.csv``."""
        for name, value in vars(self).items():
            if name != "record":
                write_file(folder / f"{name}.csv", partial(write_csv, value))

    def write_record(self, folder: Path, names: Sequence[str]) -> None:
        """Write the record, with the SHA-256 of those of the named files that are there."""
        # A later selection replaces files that are still as this one left them.
        files = {name: sha256_of(folder / name) for name in names if (folder / name).is_file()}
        text = as_json({**self.record, "files": files})
        write_file(folder / RECORD, lambda file: file.write(text.encode(errors="backslashreplace")))


def file_names(*, page: bool) -> list[str]:
    """Return the names of the files that a selection writes, but for its record."""
    tables = [f"{field.name}.csv" for field in fields(SelectionTables) if field.name != "record"]
    return [PAGE, *tables] if page else tables


@contextmanager
def listed_while_written(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """Keep a list of the files to be written until they are: if the run is killed, the next may replace them."""
    page = folder / PAGE
    if PAGE in names or is_own(page, own_files(folder, RECORD)):
        page.unlink(missing_ok=True)  # an older page does not stand beside new tables
    write_file(folder / UNFINISHED, lambda file: file.write(json.dumps([*names, RECORD]).encode()))
    yield
    (folder / UNFINISHED).unlink()


def all_tables(results: Sequence[ModalitySelection], table: FeatureTable, request: SelectionRequest) -> SelectionTables:
    """Return everything that a selection found."""
    with one_thread():  # threads may differ in the last bit
        return _all_tables(results, table, request)


def _all_tables(
    results: Sequence[ModalitySelection], table: FeatureTable, request: SelectionRequest
) -> SelectionTables:
    selections = [selection_table(result) for result in results]
    predictions = predictions_table(results)
    if table.several is None:
        predictions = predictions.assign(positive=table.classes[1])
    tables = {
        "selection": pd.concat(selections, ignore_index=True),
        "cv_curve": _gather(_curves, results),
        "path": _gather(_path, results),
        "folds": _gather(folds_table, results),
        "predictions": predictions,
        "performance": performance_table(predictions, request.seed, table.several),
        "stability": stability_table(results),
        "trace": _gather(_trace, results),
        "correlation": pd.concat(map(_correlation, results, selections), ignore_index=True),
    }
    record = selection_record(results, table, request, tables)
    return SelectionTables(
        **tables, record={**record, "warnings": selection_warnings(results, tables["selection"], table, request)}
    )


def _gather(make: Any, results: Sequence[ModalitySelection]) -> pd.DataFrame:
    return pd.concat([make(result) for result in results], ignore_index=True)


def _curves(result: ModalitySelection) -> pd.DataFrame:
    final = {"modality": result.block.modality, "repeat": np.nan, "fold": np.nan}
    curves = [(final, cv_curve(result.final))]
    for outcome in result.outcomes:
        curves.append((final | {"repeat": outcome.split.repeat, "fold": outcome.split.fold}, outcome.curve))
    known = [{**place, **curve} for place, curve in curves if curve is not None]
    if not known:
        return pd.DataFrame(columns=list(CURVE_COLUMNS))
    return stack(known).astype({"repeat": "Int64", "fold": "Int64"})


def _path(result: ModalitySelection) -> pd.DataFrame:
    name, step = penalized_step(result.final)
    several = result.block.several
    if step is None:
        of_class = [] if several is None else ["class"]
        return pd.DataFrame(columns=["modality", "lambda", "feature", *of_class, "coef", "dev_ratio"])
    names = result.block.X.columns[result.final.seen_[name]]
    path = step.coef_path_
    if path.ndim == 3 and several is not None:
        at, place, column = np.nonzero(path)
        of_class = {"class": np.array(several.classes, object)[place], "coef": path[at, place, column]}
        found = {"modality": result.block.modality, "lambda": step.alphas_[at], "feature": names[column], **of_class}
        return pd.DataFrame({**found, "dev_ratio": step.dev_ratio_[at]})
    if path.ndim == 3:  # two classes of a multinomial fit: the larger
        path = np.take_along_axis(path, np.abs(path).argmax(axis=1)[:, None], axis=1)[:, 0]
    at, column = np.nonzero(path)
    found = {
        "modality": result.block.modality,
        "lambda": step.alphas_[at],
        "feature": names[column],
        "coef": path[at, column],
        "dev_ratio": step.dev_ratio_[at],
    }
    return pd.DataFrame(found)


def _trace(result: ModalitySelection) -> pd.DataFrame:
    trace = result.final.trace_
    trace.insert(0, "modality", result.block.modality)
    return trace


def _correlation(result: ModalitySelection, selection: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of what pruning kept, the best by rank, then by AUC."""
    kept = selection[selection["kept_after_prune"].astype(bool)] if _prunes(result.final) else selection[:0]
    names: list[str] = []
    if len(kept):
        effect = (kept["auc"] - 0.5).abs()
        # What no selection chose has no rank and comes last.
        order = np.lexsort((-effect, kept["rank"].to_numpy(float, na_value=np.inf)))
        names = kept["feature"].iloc[order[:MOST_CORRELATED]].tolist()
    values = fill_gaps(result.block.X[names].to_numpy())
    first, second = np.triu_indices(len(names), 1)
    Z = standardize(values)  # a constant column correlates with nothing
    r = (Z.T @ Z / len(Z))[first, second]
    pairs = {"feature_a": np.array(names, object)[first], "feature_b": np.array(names, object)[second], "r": r}
    return pd.DataFrame({"modality": result.block.modality, **pairs})


def _prunes(chain: SelectorChain) -> bool:
    return any(hasattr(step, "kept_partner_") for step in chain.steps_.values())
