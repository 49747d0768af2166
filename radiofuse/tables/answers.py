"""What a model answers, class by class: a column per answer for two classes, else one per answer and class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from radiofuse.tables.outcomes import Outcome


def answer_columns(
    names: Sequence[str], classes: np.ndarray, levels: tuple[str, str] = ("answer", "class")
) -> pd.Index:
    """Return the names of a table of probabilities: of two classes one per answer, of more one per answer and class.

    Examples
    --------
    >>> answer_columns(["t1", "mean"], np.array([2, 3, 4])).to_list()[:4]
    [('t1', 2), ('t1', 3), ('t1', 4), ('mean', 2)]
    """
    return pd.Index(names) if len(classes) == 2 else pd.MultiIndex.from_product([names, classes], names=levels)


def answers_table(answers: Mapping[str, np.ndarray], index: pd.Index, classes: np.ndarray) -> pd.DataFrame:
    """Return probabilities as a table with `answer_columns`.

    Parameters
    ----------
    answers : mapping of str to ndarray of shape (n_samples,) or (n_samples, n_classes)
    index : Index of length n_samples
    classes : ndarray of shape (n_classes,)

    Examples
    --------
    >>> answers_table({"t1": np.array([[0.5, 0.3, 0.2]])}, pd.Index(["s1"]), np.array([2, 3, 4]))["t1"]
    class    2    3    4
    s1     0.5  0.3  0.2
    """
    if len(classes) == 2:
        return pd.DataFrame(answers, index=index)
    return pd.DataFrame(np.hstack(list(answers.values())), index=index, columns=answer_columns(list(answers), classes))


def no_weights() -> pd.DataFrame:
    """Return a table of members' weights without rows, for a model that has none.

    >>> no_weights().columns.to_list()
    ['fusion', 'member', 'weight']
    """
    return pd.DataFrame({"fusion": [], "member": [], "weight": []}).astype({"weight": float})


def by_class(answers: pd.DataFrame, outcome: Outcome) -> Iterator[tuple[int, str, pd.DataFrame]]:
    """Yield the place, the name and the probabilities of each class that an outcome tells.

    Parameters
    ----------
    answers : DataFrame of shape (n_samples, n_answers) or (n_samples, n_answers x n_classes)
        As ``predict_proba_each`` returns them; of several classes the columns are pairs (answer, place of the class).
    outcome : Outcome

    Examples
    --------
    >>> answers = pd.DataFrame({"mean": [0.25, 0.5]})
    >>> [(place, name) for place, name, _ in by_class(answers, Outcome("idh", ("wildtype", "mutant")))]
    [(1, 'mutant')]
    """
    for place, name in enumerate(outcome.classes):
        if name not in outcome.told:
            continue
        if answers.columns.nlevels == 1:
            yield place, name, answers
        else:
            yield place, name, answers.xs(place, axis="columns", level=1)


OUTCOME_LEVELS = ("outcome", "answer", "class")


def joint_answers(parts: Mapping[str, pd.DataFrame], classes: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the answers for several outcomes as one table, its columns triples of outcome, answer and class.

    Parameters
    ----------
    parts : mapping of str to DataFrame
        By outcome, as `answers_table` returns them.
    classes : mapping of str to ndarray
        Of each outcome; of two the second is the one that its columns speak of.

    Examples
    --------
    >>> parts = {"idh": pd.DataFrame({"chain": [0.2]}), "codel": pd.DataFrame({"chain": [0.1]})}
    >>> joint_answers(parts, {"idh": np.array([0, 1]), "codel": np.array([0, 1])}).columns.to_list()
    [('idh', 'chain', 1), ('codel', 'chain', 1)]
    """
    triples = [
        (outcome, *(column if part.columns.nlevels > 1 else (column, classes[outcome][-1])))
        for outcome, part in parts.items()
        for column in part
    ]
    table = pd.concat([*parts.values()], axis=1)
    return table.set_axis(pd.MultiIndex.from_tuples(triples, names=OUTCOME_LEVELS), axis=1)


def of_outcome(answers: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the answers for one of several outcomes as a model of that outcome alone gives them.

    Examples
    --------
    >>> parts = {"idh": pd.DataFrame({"chain": [0.2]}), "codel": pd.DataFrame({"chain": [0.1]})}
    >>> of_outcome(joint_answers(parts, {"idh": np.array([0, 1]), "codel": np.array([0, 1])}), "codel").columns
    Index(['chain'], dtype='str')
    """
    part = answers.loc[:, answers.columns.get_level_values(0) == outcome].droplevel(0, axis="columns")
    if part.columns.get_level_values(0).is_unique:  # one class each: the outcome has two
        return part.set_axis(part.columns.get_level_values(0).rename(None), axis=1)
    return part
