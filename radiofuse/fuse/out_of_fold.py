"""What members answer for rows that they did not learn from: all that a combiner is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import delayed

from radiofuse.errors import CohortError
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_fusion import in_one_thread
from radiofuse.tables.answers import answer_columns
from radiofuse.work.shared_calls import Key, key_of, shared_results


def out_of_fold_table(
    members: Sequence[Member],
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    y: np.ndarray,
    groups: np.ndarray | None,
    *,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Return the probabilities of each fold's test rows by members fitted on its training rows.

    Parameters
    ----------
    members : sequence of Member
        Unfitted.
    folds : sequence of (train, test)
        Row numbers.
    y : ndarray of shape (n_samples,)
        Labels 0, 1 and so on.
    groups : ndarray of shape (n_samples,) or None
        The patient of each row.
    n_jobs : int, optional
        Fits at once.

    Returns
    -------
    DataFrame of shape (n_samples, n_members) or (n_samples, n_members * n_classes)
        NaN where a modality is absent. Of more than two classes the columns are pairs of member and class.
    """
    tasks = [(member, train, test) for member in members for train, test in folds]
    calls = [delayed(in_one_thread)(member.out_of_fold, train, test, y, groups) for member, train, test in tasks]
    names = [f"an inner fold of {member.name}" for member, *_ in tasks]
    parts = shared_results(calls, names, lambda: _keys(members, folds, y, groups), n_jobs=n_jobs)
    names, classes = [member.name for member in members], members[0].classes
    P = np.full((len(y), len(members), *parts[0].shape[1:]), np.nan)
    for (member, _, test), part in zip(tasks, parts, strict=True):
        P[test, names.index(member.name)] = part
    columns = answer_columns(names, classes, ("member", "class"))
    return pd.DataFrame(P.reshape(len(y), -1), index=members[0].block.index, columns=columns)


def _keys(
    members: Sequence[Member], folds: Sequence[tuple[np.ndarray, np.ndarray]], y: np.ndarray, groups: np.ndarray | None
) -> list[Key]:
    of_folds = [key_of(train, test) for train, test in folds]
    of_members = [member.key(y, groups) for member in members]
    return [None if own is None else f"{own} {fold}" for own in of_members for fold in of_folds]


def known_rows(out_of_fold: pd.DataFrame, y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Say which rows some member answered: a row's only member may have gone without its inner fold.

    Raises
    ------
    CohortError
        If there is no such row of some class.
    """
    known = out_of_fold.notna().any(axis=1).to_numpy()
    lacking = np.setdiff1d(np.arange(len(classes)), y[known])
    if len(lacking):
        raise CohortError(
            "The training table",
            [
                f"No sample of class {classes[lacking[0]]} was predicted in the inner folds that the combiners learn "
                "from. Combine by mean or vote and leave calibrate out, or add patients."
            ],
        )
    return known
