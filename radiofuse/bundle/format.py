"""The one description of a bundle: its files, the columns of its tables and their kinds; of JSON see ``json_format``.

Writer, reader, check, report and predict read it here; a new table is an entry of ``SCORE_TABLES``
or ``STUDY_TABLES``.
"""

from __future__ import annotations

import re

from radiofuse.bundle.score_tables import SCORE_TABLES
from radiofuse.bundle.study_tables import STUDY_TABLES

SCHEMA = 10  # raised when a bundle of before can no longer be read, as where the classes of its model have moved

TABLES = SCORE_TABLES | STUDY_TABLES
WEIGHT, IN_SAMPLE = "weight", "in_sample"  # metrics of published.csv in tables of weights
SELECTED, FINALLY = "selected", "in_final_model"  # and in tables of numbers of selected features; others are scores
ALL_READ = "all"  # in sample_sizes.csv: all that the answering model reads
OF_RUN, CAUTIOUS = "auc of this run", "nagelkerke r2 0.15"  # and from where the R2 of Cox and Snell comes

RECIPE, CARD, DESCRIPTION = "recipe.toml", "card.md", "bundle.json"
MODEL, ARRAYS, PICKLED = "model.json", "model.bin", "model.joblib"
ENCODERS, MANIFEST = "encoders", "manifest.json"
ANSWERED_BY = {"written_by": "radiofuse predict --patient"}  # how the file of one patient's answer begins
ANSWERED_OF_TABLE = {"written_by": "radiofuse predict"}  # and each answer of a table
SIGNATURE = f"{MANIFEST}.sig"  # of the manifest, where somebody signed it
BEFORE_MANIFESTS = "checksums.json"  # what bundles up to schema 7 had in its place
OF_EARLIER = (BEFORE_MANIFESTS, f"{BEFORE_MANIFESTS}.sig", "environment.json")  # of bundles of before alone
FILES = {  # name -> what it holds; all are there, the manifest and the folder of encoders come on top
    **{f"{name}.csv": table.holds for name, table in TABLES.items()},
    RECIPE: "what was asked for",
    DESCRIPTION: "what was done: outcomes, modalities, settings, protocol, warnings",
    CARD: "what the model is for, in a few lines",
    MODEL: "the models of each outcome, fitted on all its labeled patients: of what they are made",
    ARRAYS: "the numbers of these models",
}
KEPT_AS = {"arrays": (MODEL, ARRAYS), "joblib": (PICKLED,)}  # the files of the models, by how they are kept


def files_of(kept_as: str) -> dict[str, str]:
    """Return the files of every bundle that keeps its models so, and what each holds.

    >>> "model.bin" in files_of("arrays"), "model.bin" in files_of("joblib")
    (True, False)
    """
    of_models = {name for names in KEPT_AS.values() for name in names}
    others = {name: holds for name, holds in FILES.items() if name not in of_models}
    return others | {name: FILES.get(name, "the models, pickled") for name in KEPT_AS[kept_as]}


def is_encoder(name: str) -> bool:
    """Say whether a file of the bundle is one of an encoder's: its weights, or their card.

    >>> is_encoder("encoders/0f3a.safetensors"), is_encoder("encoders/notes.txt")
    (True, False)
    """
    return re.fullmatch(rf"{ENCODERS}/[0-9a-f]+\.(json|safetensors)", name) is not None
