"""What fitted models keep of single training patients: taken out where nothing reads it any more, else named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

# Of training rows, read while fitting and explaining the fit alone.
UNREAD = ("out_of_fold_", "inner_folds_")
# Training rows, all or some, that a prediction is made from: nearest neighbors, support vectors, Gaussian processes.
ROWS = ("_fit_X", "support_vectors_", "X_train_", "X_fit_", "_raw_data")
OURS = ("radiofuse", "sklearn", "xgboost")


def without_patient_rows(models: Any) -> Any:
    """Take what nothing reads any more out of models, which are changed, and return them."""
    for part in _parts(models):
        for name in set(UNREAD) & set(_attributes(part)):
            setattr(part, name, None)
    return models


def kept_rows(models: Any, ids: frozenset[str]) -> list[str]:
    """Return which attributes of models hold training rows, or the ids of training samples or patients.

    Parameters
    ----------
    models : estimator, or a dict, list or tuple of them
    ids : frozenset of str
    """
    found = []
    for part in _parts(models):
        for name, value in _attributes(part).items():
            if (name in ROWS and value is not None) or not ids.isdisjoint(_texts(value)):
                found.append(f"{type(part).__name__}.{name}")
    return sorted(set(found))


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
