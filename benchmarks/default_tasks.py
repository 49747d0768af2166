"""The tables and outcomes that `default_choice.py` compares candidates on, each as a cohort table for a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from radmlbench import blocks_of, smoke_table
from several_outcomes import DATA, OUTCOMES, table_of_tables

NAMES = {"idh": "IDH", "who_grade": "grade 2/3/4", "codel_1p19q": "1p/19q"}


@dataclass(frozen=True)
class Task:
    """One outcome of one table.

    Attributes
    ----------
    name : str
    table : Path
    outcome : str
        Its [[outcomes]] in a recipe.
    ignore : list of str
        The table's other outcomes.
    settings : str
        Of [radiomics]: "none" where the table has features.
    clinical : bool
        Whether it has clinical columns.
    """

    name: str
    table: Path
    outcome: str
    ignore: list[str]
    settings: str = "none"
    clinical: bool = False


def read_tasks(folder: Path) -> Iterator[Task]:
    """Write the cohort tables into a folder, and yield every table and outcome.

    1p/19q of the patients with images is left out: nine positives.
    """
    names = {"LGG-1p19qDeletion": "1p/19q, LGG", "Sasaki2019": "MGMT, Sasaki", "Wang2024": "Wang2024"}
    for file, name in names.items():
        yield benchmark_task(name, pd.read_csv(DATA / "radmlbench" / f"{file}.gz"), folder)
    yield from operated(folder)
    of_tcga = [*OUTCOMES, "high_grade"]
    table = table_of_tables(folder)
    for column, text in OUTCOMES.items():
        yield Task(f"{NAMES[column]}, tables", table, text, without(of_tcga[:3], column), clinical=True)
    images = DATA / "brats20_tcga_roi" / "cohort.csv"
    for column in ("idh", "who_grade"):
        own = Task(f"{NAMES[column]}, images", images, OUTCOMES[column], without(of_tcga, column), "shi2023", True)
        yield own


def without(names: list[str], one: str) -> list[str]:
    """Return the other names."""
    return [name for name in names if name != one]


def binary(column: str) -> str:
    """Return the [[outcomes]] of a column of 0 and 1."""
    return f'[[outcomes]]\ncolumn = "{column}"\npositive = "1"\n'


def benchmark_task(name: str, table: pd.DataFrame, folder: Path) -> Task:
    """Return a table of radMLBench, modalities by the first word of its columns.

    Wang2024 came with z-scores of all patients, 0 in a whole modality where nothing was measured: absent here. Two of
    its patients have two rows, told by the end of their ids, and stay whole.
    """
    blocks = blocks_of([column for column in table if column not in ("ID", "Target")])
    own = {column: f"{word.lower()}__{column[len(word) + 1 :]}" for word, block in blocks.items() for column in block}
    rows = table.astype({"Target": int, **dict.fromkeys(own, float)})
    for block in blocks.values():
        rows.loc[rows[block].abs().max(axis=1) < 1e-9, block] = np.nan
    rows = rows.rename(columns=own | {"ID": "sample_id"})
    rows["patient_id"] = rows["sample_id"].astype(str).str.replace(r"_\d+$", "", regex=True)
    path = folder / f"{name.replace('/', '').replace(', ', '_')}.csv"
    rows.to_csv(path, index=False)
    return Task(name, path, binary("Target"), [])


def operated(folder: Path) -> Iterator[Task]:
    """Yield IDH and MGMT of patients after surgery, the first scan of each.

    The 512 columns were chosen by others on these patients, for progression, which is why that is no task here. One
    patient is in the tables twice, under two ids.
    """
    source = DATA / "mu_glioma_post"
    scans = pd.read_csv(source / "features.csv").drop_duplicates("subject_id").set_index("subject_id")
    features = scans.filter(regex="^core__")
    features = features[~features.duplicated()].rename(columns=lambda name: name.removeprefix("core__"))
    known = pd.read_csv(source / "clinical.csv").set_index("Patient_ID").loc[features.index]
    own = {"Age at diagnosis": "clinical__age", "Sex at Birth": "clinical__sex"}
    outcomes = {"IDH1 mutation": "idh", "MGMT methylation": "mgmt"}
    rows = features.join(known[list(own)].rename(columns=own))
    for column, name in outcomes.items():
        rows[name] = known[column].where(known[column] <= 1).astype("Int64")  # above 1: unknown, or another mutation
    path = folder / "operated.csv"
    rows.rename_axis("sample_id").to_csv(path)
    for name in outcomes.values():
        yield Task(f"{name.upper()}, operated", path, binary(name), without([*outcomes.values()], name), clinical=True)


def smoke_task(folder: Path) -> Task:
    """Return a generated table of two modalities whose first feature tells the classes apart."""
    return benchmark_task("smoke", smoke_table(), folder)
