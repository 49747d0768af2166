"""What training patients have of the columns that the answering models read: new patients are compared with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.statistics.nearest_patients import telling_columns
from radiofuse.tables import columns

FEATURES, SPECTRA = "features", "spectra"  # what is compared


def training_values(parts: Mapping[str, pd.DataFrame], patients: Sequence[str]) -> pd.DataFrame:
    """Return numbers of training samples as a bundle holds them, a row each; none where a number is absent.

    Parameters
    ----------
    parts : mapping of str to DataFrame
        By what is compared: ``"features"``, of which more than fifty are cut to those in which the others are nearly
        linear, and ``"spectra"`` of images. Samples in the index.
    patients : sequence of str
        The patient of each sample.

    Examples
    --------
    >>> X = pd.DataFrame({"t1__a": [1.0, 2.0], "t1__b": [3.0, None]}, index=["s1", "s2"])
    >>> training_values({"features": X}, ["p1", "p2"]).drop(columns="part")
      sample_id patient_id column  value
    0        s1         p1  t1__a    1.0
    1        s2         p2  t1__a    2.0
    2        s1         p1  t1__b    3.0
    """
    kept = {part: telling_columns(X) if part == FEATURES else list(X) for part, X in parts.items()}
    told = [_long(part, X[kept[part]], patients) for part, X in parts.items()]
    told = [part for part in told if len(part)] or [pd.DataFrame(columns=list(TABLES["training_values"].columns))]
    return pd.concat(told, ignore_index=True)


def _long(part: str, X: pd.DataFrame, patients: Sequence[str]) -> pd.DataFrame:
    rows = X.assign(sample_id=X.index.astype(str), patient_id=list(map(str, patients)), part=part)
    told = rows.melt(["sample_id", "patient_id", "part"], var_name="column", value_name="value")
    return told.dropna(subset="value").reset_index(drop=True)[list(TABLES["training_values"].columns)]


def columns_of_models(selected: pd.DataFrame, X: pd.DataFrame) -> list[str]:
    """Return which columns the final models read; all where they tell none of them by name.

    Parameters
    ----------
    selected : DataFrame
        The table selected_features of a bundle.
    X : DataFrame
        All columns that may be read; pointers to crops and sites are no numbers of a patient and take no part.
    """
    features = list(filter(columns.is_feature, X))
    final = selected[selected["in_final_model"].astype(bool)]
    named = {columns.join(modality, name) for modality, name in zip(final["modality"], final["feature"], strict=True)}
    return [name for name in features if name in named] or features


def values_of(table: pd.DataFrame, part: str) -> tuple[pd.DataFrame, list[str]]:
    """Return what a bundle's table holds of one part, samples by columns, and the patient of each sample."""
    own = table[table["part"] == part].drop_duplicates(["sample_id", "column"])
    wide = own.pivot(index="sample_id", columns="column", values="value")
    wide = wide.reindex(columns=own["column"].drop_duplicates())
    patients = own.drop_duplicates("sample_id").set_index("sample_id")["patient_id"]
    return wide, list(patients.loc[wide.index])
