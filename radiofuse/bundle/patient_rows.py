"""What fitted models keep of single training patients: taken out where nothing reads it any more, else named."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pandas as pd

# Of training rows, read while fitting and explaining the fit alone.
UNREAD = (
    *("out_of_fold_", "inner_folds_", "unlabeled_", "pseudo_labels_", "transduction_", "labeled_iter_"),
    *("oob_decision_function_", "oob_prediction_", "_x_scores", "_y_scores", "x_scores_", "y_scores_", "cv_results_"),
)
# Training rows, all or some, that a prediction is made from: nearest neighbors, support vectors, Gaussian processes;
# and sorted numbers of all of them: scales by ranks, the mean of ranks.
ROWS = (
    *("_fit_X", "support_vectors_", "X_train_", "X_fit_", "_raw_data"),
    *("numbers_", "quantiles_", "references_"),
)
# Along a path of penalties, whose number says nothing of rows: of our LASSO, and of scikit-learn's searches for one.
OF_PENALTIES = (
    *("alphas_", "cv_mean_", "cv_se_", "coef_path_", "intercept_path_", "n_nonzero_", "dev_ratio_"),
    *("mse_path_", "Cs_", "l1_ratios_"),
)
FEWEST_ROWS = 10  # for their number to tell that an array has one for each of them
FEWEST_CHARACTERS = 4  # of an id that is a number, to be looked for where short numbers count things
OURS = ("radiofuse", "sklearn", "xgboost")


def without_patient_rows(models: Any) -> Any:
    """Take what nothing reads any more out of models, which are changed, and return them."""
    for part in _parts(models):
        for name in set(UNREAD) & set(_attributes(part)):
            setattr(part, name, None)
    return models


def kept_rows(models: Any, ids: frozenset[str], counts: Collection[int] = ()) -> list[str]:
    """Return which attributes of models hold training rows, or the ids of training samples or patients.

    Parameters
    ----------
    models : estimator, or a dict, list or tuple of them
    ids : frozenset of str
    counts : collection of int, optional
        How many training rows there are, of all outcomes and of each: arrays of so many numbers are named too, but
        for those that have one for each column or penalty.
    """
    numbered = ids - {one for one in ids if one.isdigit() and len(one) < FEWEST_CHARACTERS}
    told = {count for count in counts if count >= FEWEST_ROWS}
    found = []
    for part in _parts(models):
        lengths = told - {getattr(part, "n_features_in_", None)}
        for name, value in _attributes(part).items():
            named = not ids.isdisjoint(_texts(value)) or not numbered.isdisjoint(_whole_numbers(value))
            counted = name not in OF_PENALTIES and _n_numbers(value) in lengths
            if (name in ROWS and value is not None) or named or counted:
                found.append(f"{type(part).__name__}.{name}")
    return sorted(set(found))


def _n_numbers(value: Any) -> int | None:
    """Return along how many rows an array or table has numbers; None of anything else."""
    if isinstance(value, np.ndarray):
        return len(value) if value.ndim and value.dtype.kind in "fiub" else None
    return len(value) if isinstance(value, pd.Series | pd.DataFrame) else None


def _whole_numbers(value: Any) -> Iterator[str]:
    """Yield the whole numbers of arrays, tables, lists and keys as ids are written; a single number is an option."""
    if isinstance(value, pd.DataFrame):
        yield from (text for one in (value.index, *(value[name] for name in value)) for text in _whole_numbers(one))
    elif isinstance(value, np.ndarray | pd.Series | pd.Index):
        yield from _whole(np.asarray(value).ravel())
        yield from _whole(value.index.to_numpy()) if isinstance(value, pd.Series) else ()
    elif isinstance(value, dict):
        yield from _whole_numbers(list(value))
        yield from (text for one in value.values() for text in _whole_numbers(one))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (str(one) for one in value if isinstance(one, int | np.integer))
        yield from (text for one in value for text in _whole_numbers(one))


def _whole(values: np.ndarray) -> Iterator[str]:
    """Yield whole numbers as text: integers, and floats that are whole one and all, as a column with gaps has them."""
    if values.dtype.kind == "f":
        known = values[np.isfinite(values)]
        values = known.astype("int64") if len(known) > 1 and (known == np.rint(known)).all() else known[:0]
    if values.dtype.kind in "iu":
        yield from map(str, values.tolist())
    elif values.dtype.kind == "O":
        yield from (str(one) for one in values if isinstance(one, int | np.integer))


def _parts(models: Any) -> Iterator[Any]:
    """Yield every object with attributes inside models, each once."""
    todo, seen = [models], {}
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # kept, so that its identity is its own
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list | tuple | set | frozenset):
            todo += value
        elif isinstance(value, np.ndarray) and value.dtype == object:
            todo += value.ravel().tolist()
        elif attributes := _attributes(value):
            todo += attributes.values()
            yield value


def _attributes(value: Any) -> dict[str, Any]:
    """Return the attributes of an estimator or another object of a library that fits."""
    of_library = type(value).__module__.partition(".")[0] in OURS or hasattr(value, "get_params")
    return getattr(value, "__dict__", {}) if of_library and not isinstance(value, type) else {}


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts that a value holds, those of an index and of keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, pd.DataFrame | pd.Series):
        yield from map(str, value.index)
        columns = [value[name] for name in value] if isinstance(value, pd.DataFrame) else [value]
        yield from (str(one) for column in columns if column.dtype.kind not in "fiub" for one in column)
    elif isinstance(value, np.ndarray | pd.Index):
        yield from map(str, value.ravel()) if value.dtype.kind not in "fiub" else ()
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for one in pair for text in _texts(one))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (text for one in value for text in _texts(one))
