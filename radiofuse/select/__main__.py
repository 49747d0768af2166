"""``python -m radiofuse.select``: which features of a table carry the label, and how stably."""

from __future__ import annotations

import functools
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse import _cli
from radiofuse.columns import is_modality
from radiofuse.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.select.survey import ModalitySurvey
    from radiofuse.select.table import FeatureTable

WHY_NO_TABLE = (
    "No reduced table is written: its columns would have been chosen with the labels of all samples, so a model "
    "cross-validated on it would be tested on patients that helped to choose, and score too well even on noise. "
    "Put the selector into the model instead, where every training fold selects for itself."
)

app = _cli.command_app(__doc__)

Adjust = StrEnum("Adjust", ["none", "bh"])
Order = StrEnum("Order", ["effect", "column", "random"])
Rule = StrEnum("Rule", {"min": "min", "one_se": "1se"})


@app.command(help=f"Find the features of TABLE that carry a label: Mann-Whitney, Pearson, LASSO.\n\n{WHY_NO_TABLE}")
@_cli.answers
def select(
    table: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet, one row per sample; or a feature store.")],
    label: Annotated[str, typer.Option(help="Column with two values.")],
    out: Annotated[Path, typer.Option(help="Folder for selection.csv, folds.csv and stability.csv.")],
    cohort: Annotated[Path | None, typer.Option(help="Cohort table with the labels, for a store.")] = None,
    block: Annotated[str | None, typer.Option(help="Which block of a store.")] = None,
    modality: Annotated[str, typer.Option(help="Name for columns without <modality>__.")] = "features",
    ignore: Annotated[list[str] | None, typer.Option(help="A column that is no feature; may be repeated.")] = None,
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Mann-Whitney: keep p below this.")] = 0.05,
    adjust: Annotated[Adjust, typer.Option(help="Compare p, or the Benjamini-Hochberg q.")] = Adjust.none,
    r: Annotated[float, typer.Option(min=0, max=1, help="Pearson: drop |r| above this.")] = 0.9,
    order: Annotated[Order, typer.Option(help="Which of two correlated features stays.")] = Order.effect,
    rule: Annotated[Rule, typer.Option(help="LASSO: least error, or within one standard error.")] = Rule.min,
    inner: Annotated[int, typer.Option(min=2, help="Folds that choose the LASSO penalty.")] = 10,
    outer: Annotated[int, typer.Option(min=2, help="Folds over which the selection is repeated.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="How often the outer folds are dealt.")] = 10,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the answer does not depend on it.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    from radiofuse.evaluate import patient_splits
    from radiofuse.select.survey import survey_selection

    where = {"cohort": cohort, "block": block, "modality": modality, "ignore": ignore or []}
    checked = _read(table, label, n_folds=outer, **where)
    for note in checked.notes:
        _cli.say(note)
    chain = {"alpha": alpha, "adjust": str(adjust), "threshold": r, "order": str(order), "rule": str(rule), "cv": inner}
    deal = functools.partial(patient_splits, n_splits=outer, n_repeats=repeats, random_state=seed)
    with _cli.progress("Selecting", "selections") as on_done:
        surveys = survey_selection(checked, chain, deal, seed=seed, n_jobs=jobs, on_done=on_done)
    tables = _write_tables(surveys, out)
    print(_as_json(surveys, checked, chain, tables) if as_json else _as_text(surveys, checked, chain, tables))
    _cli.say(f"{', '.join(tables)} are in {out}. {WHY_NO_TABLE}")
    if not tables["selection.csv"]["selected"].any():
        _cli.say("Nothing was selected from all samples: at these settings there is no signal to report.")
        raise typer.Exit(_cli.NOTHING_SELECTED)


def _read(
    path: Path, label: str, *, cohort: Path | None, block: str | None, modality: str, ignore: list[str], n_folds: int
) -> FeatureTable:
    from radiofuse.select.table import read_feature_table, read_store_table

    if not is_modality(modality):
        raise RequestError(f"--modality is {modality!r}; use a lower-case letter followed by letters or digits.")
    if not path.is_dir():
        return read_feature_table(path, label, modality=modality, ignore=ignore, n_folds=n_folds)
    if cohort is None:
        raise RequestError(f"{path} is a feature store, which holds no labels. Name the cohort table with --cohort.")
    return read_store_table(path, cohort, label, block=block, n_folds=n_folds)


def _write_tables(surveys: list[ModalitySurvey], out: Path) -> dict[str, pd.DataFrame]:
    from radiofuse.select import findings

    tables = {
        "selection.csv": findings.selection_table(surveys),
        "folds.csv": findings.folds_table(surveys),
        "stability.csv": findings.stability_table(surveys),
    }
    for name, table in tables.items():
        _cli.write_aside(out / name, functools.partial(table.to_csv, index=False, lineterminator="\n"))
    return tables


def _as_text(
    surveys: list[ModalitySurvey], checked: FeatureTable, chain: dict[str, Any], tables: dict[str, pd.DataFrame]
) -> str:
    from radiofuse.select.findings import describe

    return describe(surveys, checked, chain, tables["selection.csv"], tables["stability.csv"])


def _as_json(
    surveys: list[ModalitySurvey], checked: FeatureTable, chain: dict[str, Any], tables: dict[str, pd.DataFrame]
) -> str:
    from radiofuse.select.findings import count_flow

    chosen = tables["selection.csv"].query("selected").sort_values(["modality", "rank"])
    answer = {
        "classes": checked.classes,
        "settings": chain,
        "notes": checked.notes,
        "flow": [count_flow(survey, len(checked.y)) for survey in surveys],
        "selected": json.loads(chosen.to_json(orient="records", double_precision=15)),
        "stability": json.loads(tables["stability.csv"].to_json(orient="records", double_precision=15)),
        "why_no_table": WHY_NO_TABLE,
    }
    return json.dumps(answer, indent=1)


if __name__ == "__main__":
    app()
