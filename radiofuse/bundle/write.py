"""A run to its bundle: one folder with fixed file names, whole or not there at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.card import model_card
from radiofuse.bundle.format import (
    CARD,
    DESCRIPTION,
    ENCODERS,
    MANIFEST,
    RECIPE,
    SCHEMA,
    TABLES,
)
from radiofuse.bundle.golden_rows import golden_rows
from radiofuse.bundle.json_format import DESCRIPTION_SHAPE
from radiofuse.bundle.manifest_entries import told_of_run
from radiofuse.bundle.model_file import write_models
from radiofuse.bundle.shapes import unnamed
from radiofuse.bundle.trust import told_by
from radiofuse.bundle.updates import updated_models
from radiofuse.bundle.verify import check_target, files_in
from radiofuse.errors import BundleError
from radiofuse.estimators import Answering
from radiofuse.files.outputs import sha256_of
from radiofuse.fuse import portable
from radiofuse.tables.spreadsheet import write_csv
from radiofuse.wording import some
from radiofuse.work.environment import read_environment

ESCAPED = "backslashreplace"  # of a file name that is not UTF-8; JSON spells it so too


def save_bundle(
    folder: str | Path,
    *,
    models: Mapping[str, Mapping[str, Answering]],
    recipe: str,
    description: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    environment: Mapping[str, Any] | None = None,
    pickled: bool = False,
) -> Path:
    """Write a bundle beside its final place, then move it there in one step.

    Parameters
    ----------
    folder : path
        An earlier bundle there is replaced; a folder that holds any other file is refused.
    models : mapping
        Fitted estimators by outcome and name; written as arrays and JSON, which load without running code. The weights
        of encoders inside them are copied to ``encoders/``.
    recipe : str
        The recipe's text.
    description : mapping
        Goes into ``bundle.json``.
    tables : mapping
        One DataFrame for each name in ``TABLES``, with the columns that stand there.
    environment : mapping, optional
        The versions that the models were fitted with; default: those here.
    pickled : bool, default=False
        Whether joblib writes the models, for scripts that load ``model.joblib`` themselves; such a bundle loads only
        where it is trusted. So it does where a model holds what arrays and JSON cannot, which is said.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BundleError
        If a table has other columns, or the description other entries, than the format names; or the folder holds
        something else or cannot be written.
    """
    folder = Path(folder)
    _refuse_other_columns(tables)
    _refuse_other_entries(description)
    check_target(folder)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        own = {outcome: dict(named) for outcome, named in models.items()}
        _write_files(aside, own, recipe, description, tables, environment or read_environment(), pickled=pickled)
        _swap(aside, folder)
    except OSError as error:
        raise BundleError(
            f"The bundle could not be written to {folder}: {error.strerror}. Free space or choose --out."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _refuse_other_columns(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise where a table is not as the format says: a column that it does not name would be read by guessing."""
    for name, table in TABLES.items():
        written, described = list(tables[name].columns), list(table.columns)
        if written != described:
            raise BundleError(
                f"The table {name} has the columns {', '.join(map(str, written))}; a bundle's has "
                f"{', '.join(described)}. Bring them in line with radiofuse.bundle.format."
            )


def _refuse_other_entries(description: Mapping[str, Any]) -> None:
    """Raise where the format does not name an entry: nobody would check it when it is read."""
    if other := list(unnamed(description, DESCRIPTION_SHAPE, DESCRIPTION)):
        raise BundleError(f"The format of a bundle names no {some(other)}. Add it to radiofuse.bundle.format.")


def _write_files(
    folder: Path,
    models: dict[str, Any],
    recipe: str,
    description: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    environment: Mapping[str, Any],
    *,
    pickled: bool,
) -> None:
    folder.mkdir(parents=True)
    (folder / RECIPE).write_text(recipe, encoding="utf-8")
    _write_json(folder / DESCRIPTION, {"schema": SCHEMA, **description})
    for name in TABLES:
        with (folder / f"{name}.csv").open("wb") as file:
            write_csv(tables[name], file)
    kept = write_models(portable(models, folder / ENCODERS), folder, pickled=pickled)
    manifest = {"format": SCHEMA, "environment": environment, "model": kept, **told_of_run(description, tables)}
    manifest["golden"] = golden_rows(updated_models(models, description), description, tables["training_ranges"])
    card = model_card(description, environment, tables, would_run=told_by(manifest, description))
    (folder / CARD).write_text(card, encoding="utf-8", errors=ESCAPED)
    digests = {name: sha256_of(folder / name) for name in files_in(folder)}
    _write_manifest(folder / MANIFEST, manifest | {"files": digests})


def _swap(aside: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    if old.is_symlink():  # to a bundle that lies elsewhere and stays
        old.unlink()
    else:
        shutil.rmtree(old, ignore_errors=True)


def _write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write an entry a line: rows of thousands of columns would have as many lines."""
    entries = (f"{json.dumps(name)}: {json.dumps(one, allow_nan=False)}" for name, one in manifest.items())
    path.write_text("{\n" + ",\n".join(entries) + "\n}\n", encoding="utf-8")


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", errors=ESCAPED)
