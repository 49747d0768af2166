"""Published tables with this run's values beside theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from radiofuse.bundle.format import FINALLY, IN_SAMPLE, SELECTED, TABLES, WEIGHT
from radiofuse.bundle.table_format import NUMBER
from radiofuse.errors import RequestError
from radiofuse.experiment.models.building import TRIVIAL_RULE
from radiofuse.experiment.models.model_list import FUSION
from radiofuse.experiment.recipe.published import PublishedTable
from radiofuse.statistics import METRICS
from radiofuse.tables import columns

TRIVIAL_ROW = "Trivial rule"
KINDS_OF_FEATURES = ("radiomic", "deep")


def check_models(
    tables: Sequence[PublishedTable],
    names: Sequence[str],
    fusions: Sequence[str],
    selecting: Mapping[str, Sequence[str]],
) -> None:
    """Refuse tables that name a model, fusion, modality or metric there is not, or a table, row or metric twice.

    Parameters
    ----------
    tables : sequence
        As for ``published_rows``.
    names : sequence of str
        Every model that will be scored.
    fusions : sequence of str
        Those that have weights.
    selecting : mapping of str to sequence of str
        Models whose selected features are recorded, and the modalities that each reads.

    Raises
    ------
    RequestError
        Naming the table and the name; where it is unknown, also the known ones.

    Examples
    --------
    >>> from types import SimpleNamespace as Table
    >>> table = Table(title="Weights", fusion="maen", selected_by=None, rows=(), metrics=())
    >>> check_models([table], ["t1", "mean"], ["mean"], {"fusion": ["t1"]})
    Traceback (most recent call last):
    radiofuse.errors.RequestError: The published table 'Weights' names the fusion 'maen', ... known are mean. ...
    """
    _refuse_repeated("The recipe", "published table", [table.title for table in tables])
    for table in tables:
        if table.fusion is not None:
            _refuse_unknown(table.title, "fusion", [table.fusion], fusions)
        if table.selected_by is not None:
            _refuse_unknown(table.title, "model of selected features", [table.selected_by], list(selecting))
            _refuse_unknown(table.title, "modality", list(table.survivors), selecting[table.selected_by])
        _refuse_unknown(table.title, "model", [row.model for row in table.rows if row.model], names)
        _refuse_unknown(table.title, "metric", table.metrics, METRICS)
        _refuse_repeated(f"The published table {table.title!r}", "row", [row.name for row in table.rows])
        _refuse_repeated(f"The published table {table.title!r}", "metric", table.metrics)


def _refuse_repeated(where: str, kind: str, named: Sequence[str]) -> None:
    repeated = [name for name, times in Counter(named).items() if times > 1]
    if repeated:
        raise RequestError(f"{where} has the {kind} {repeated[0]!r} more than once; rename or drop one.")


def _refuse_unknown(title: str, kind: str, named: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in named if name not in known]
    if unknown:
        raise RequestError(
            f"The published table {title!r} names the {kind} {unknown[0]!r}, which this run does not have; "
            f"known are {', '.join(known) or 'none'}. Correct the name, or drop it from the table."
        )


def published_rows(
    tables: Sequence[PublishedTable],
    scores: pd.DataFrame,
    weights: pd.DataFrame,
    selected: pd.DataFrame,
    outcome: str,
    *,
    read: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return published values beside this run's, one row per number.

    Parameters
    ----------
    tables : sequence
        What a recipe names: each with ``title`` and ``source``, and ``metrics`` with ``rows`` (each with ``name``,
        ``model`` and one ``published`` value per metric, None where there is none), or ``fusion`` with ``published``
        (its weights by member), or ``selected_by`` with ``survivors`` (numbers of features by modality).
    scores : DataFrame
        As ``score_predictions`` returns them.
    weights : DataFrame
        As ``radiofuse.evaluate.findings.summarize_weights`` returns them, with outcome and model in front.
    selected : DataFrame
        As ``radiofuse.evaluate.findings.summarize_selection`` returns them, with outcome and model in front.
    outcome : str
        The one that tables are about which name none.
    read : mapping of str to sequence of str
        The columns that each modality has in the feature table; what else is selected is an encoder's.

    Returns
    -------
    DataFrame
        Columns table, source, outcome, row, model, metric, value, low, high, published; NaN where there is no number.
        A table of scores ends with the trivial rule. A table of weights has the member as row, with the class in
        brackets where weights differ by class, and two metrics: ``weight``, with its spread over the outer folds, and
        ``in_sample``. A table of survivors has two rows per modality, radiomic and deep, and two metrics:
        ``selected``, the mean over the outer folds, and ``in_final_model``.
    """
    found = []
    for table in tables:
        named = table.outcome or outcome
        rows = _rows_of(table, *(whole[whole["outcome"] == named] for whole in (scores, weights, selected)), read=read)
        found += [(table.title, table.source, named, *row) for row in rows]
    described = TABLES["published"]
    return pd.DataFrame(found, columns=list(described.columns)).astype(dict.fromkeys(described.of(NUMBER), float))


def _rows_of(
    table: PublishedTable,
    scores: pd.DataFrame,
    weights: pd.DataFrame,
    selected: pd.DataFrame,
    *,
    read: Mapping[str, Sequence[str]],
) -> Iterator[tuple]:
    if table.fusion is not None:
        return _weight_rows(table, weights)
    return _score_rows(table, scores) if table.rows else _survivor_rows(table, selected, read)


def _survivor_rows(table: PublishedTable, selected: pd.DataFrame, read: Mapping[str, Sequence[str]]) -> Iterator[tuple]:
    """Yield row, model, metric, value, low, high, published: features selected, those of an encoder apart."""
    own = selected[selected["model"] == table.selected_by]
    for modality, published in table.survivors.items():
        of_modality = own[own["modality"] == modality]
        names = [columns.join(modality, name) for name in of_modality["feature"]]
        radiomic = np.isin(names, list(read.get(modality, ())))
        for kind, chosen, theirs in zip(KINDS_OF_FEATURES, (radiomic, ~radiomic), published, strict=True):
            rows, row = of_modality[chosen], f"{modality} {kind}"
            yield row, table.selected_by, SELECTED, rows["frequency"].sum(), np.nan, np.nan, theirs
            yield row, table.selected_by, FINALLY, rows["in_final_model"].sum(), np.nan, np.nan, None


def _score_rows(table: PublishedTable, scores: pd.DataFrame) -> Iterator[tuple]:
    """Yield row, model, metric, value, low, high, published."""
    # of several classes those of the whole, which come first; one class against the rest has the same metrics
    known = scores.drop_duplicates(["model", "metric"]).set_index(["model", "metric"])[["value", "low", "high"]]
    rows = [(row.name, row.model, row.published) for row in table.rows]
    if TRIVIAL_RULE not in [model for _, model, _ in rows]:
        rows.append((TRIVIAL_ROW, TRIVIAL_RULE, (None,) * len(table.metrics)))
    for name, model, published in rows:
        for metric, theirs in zip(table.metrics, published, strict=True):
            ours = known.loc[(model, metric)] if (model, metric) in known.index else [np.nan] * 3
            yield name, model, metric, *ours, theirs


def _weight_rows(table: PublishedTable, weights: pd.DataFrame) -> Iterator[tuple]:
    """Yield row, model, metric, value, low, high, published; members that only the publication has come last."""
    alone = weights["model"] == FUSION  # the late fusion without a name, whose answers have no prefix
    known = weights[weights["fusion"].where(alone, weights["model"] + "_" + weights["fusion"]) == table.fusion]
    each = known["member"] + [f" ({name})" if name else "" for name in known["class"]]
    known = known.set_index(each)
    for row in dict.fromkeys([*known.index, *table.published]):
        ours = known.reindex([row]).iloc[0]
        yield row, table.fusion, WEIGHT, ours["weight"], ours["low"], ours["high"], table.published.get(row)
        yield row, table.fusion, IN_SAMPLE, ours["in_sample"], np.nan, np.nan, None
