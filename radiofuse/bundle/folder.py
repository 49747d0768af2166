"""A model bundle: one folder with fixed file names, whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pandas as pd

from radiofuse.bundle import format as shapes
from radiofuse.bundle.format import SCHEMA, read_shape
from radiofuse.deep.requirement import HOW_TO_INSTALL
from radiofuse.errors import BundleError
from radiofuse.fuse import attached, portable
from radiofuse.tables.spreadsheet import as_meant, write_csv
from radiofuse.work.environment import read_environment, version_differences

MODEL = "model.joblib"
ENCODERS = "encoders"
CHECKSUMS = "checksums.json"
LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")  # put into every folder that somebody looks into
TABLES = tuple("cohort_flow predictions scores comparisons selected_features fusion_weights published failures".split())
FILES = (
    "recipe.toml",
    "card.md",
    "environment.json",
    "bundle.json",
    MODEL,
    *(f"{table}.csv" for table in TABLES),
)
_TEXT_COLUMNS = (
    "sample_id patient_id modality feature model metric fusion member step note code message a b test table source row "
    "positive"
).split()
ESCAPED = "backslashreplace"  # of a file name that is not UTF-8; JSON spells it so too
TRUST = "Loading a bundle runs the Python code pickled in model.joblib: load bundles only from people you trust."
OLDEST_SKLEARN = [1, 8]  # the lowest of pyproject.toml; models of 1.7 end in an AttributeError


class BundleVersionWarning(UserWarning):
    """A bundle was made with other versions of a package than the ones installed."""


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes
    ----------
    folder : Path
    model : LateFusion
        Fitted on every labeled row of the cohort.
    others : dict
        Further fitted models with ``predict_proba_each``, by name: the constraint fusions.
    description : dict
        ``bundle.json``: label, modalities, settings, protocol, warnings.
    """

    folder: Path
    model: Any
    others: dict[str, Any]
    description: dict[str, Any]


def read_table(folder: str | Path, name: str) -> pd.DataFrame:
    """Return one of a bundle's tables (a name in ``TABLES``); ids stay text."""
    path = Path(folder).absolute() / f"{name}.csv"  # pandas would look for ~ at home
    cells = pd.read_csv(path, dtype=dict.fromkeys(_TEXT_COLUMNS, str), keep_default_na=False, na_values=[""])
    table = as_meant(cells)
    text = [column for column in table.columns if column in _TEXT_COLUMNS]
    return table.fillna(dict.fromkeys(text, ""))


def save_bundle(
    folder: str | Path,
    *,
    model: Any,
    recipe: str,
    description: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    others: Mapping[str, Any] | None = None,
) -> Path:
    """Write a bundle beside its final place, then move it there in one step.

    Parameters
    ----------
    folder : path
        An earlier bundle there is replaced; a folder that holds any other file is refused.
    model : estimator
        Fitted; written with joblib. The weights of encoders inside it are copied to ``encoders/``.
    recipe : str
        The recipe's text.
    description : mapping
        Goes into ``bundle.json``.
    tables : mapping
        One DataFrame for each name in ``TABLES``.
    others : mapping, optional
        Further fitted models by name.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BundleError
        If the folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    check_target(folder)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        _write_files(aside, {"model": model, "others": dict(others or {})}, recipe, description, tables)
        _swap(aside, folder)
    except OSError as error:
        raise BundleError(
            f"The bundle could not be written to {folder}: {error.strerror}. Free space or choose --out."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def check_target(folder: Path) -> None:
    """Raise a BundleError unless a bundle can be written to ``folder``: a run asks before it begins."""
    if folder.is_symlink() and not folder.exists():
        raise BundleError(f"{folder} is a link to {folder.readlink()}, which is not there; name another output folder.")
    if folder.exists() and not (folder / CHECKSUMS).is_file():
        raise BundleError(f"{folder} exists and is no bundle; name another output folder.")
    foreign = _foreign_files(folder) if folder.exists() else []
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise BundleError(
            f"{folder} holds what no bundle holds: {', '.join(foreign[:3])}{more}. "
            "Replacing the bundle would delete it; move it elsewhere, or name another output folder."
        )
    try:
        with TemporaryFile(dir=next(parent for parent in folder.absolute().parents if parent.exists())):
            pass
    except OSError as error:
        raise BundleError(f"{folder.parent} is no folder that can be written to ({error}). Choose --out.") from error


def _foreign_files(folder: Path) -> list[str]:
    """Return what in a folder was not written by `save_bundle`, by name and by the list of checksums."""
    try:
        listed = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        listed = None
    if not isinstance(listed, dict) or not {"bundle.json", MODEL} <= set(listed):
        return [CHECKSUMS]
    ours = {name for name in listed if name in FILES or _is_encoder(name)} | {CHECKSUMS}
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted({path.relative_to(folder).as_posix() for path in found if not _left_by_system(path)} - ours)


def _write_files(
    folder: Path,
    models: dict[str, Any],
    recipe: str,
    description: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
) -> None:
    import joblib

    folder.mkdir(parents=True)
    environment = read_environment()
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    (folder / "card.md").write_text(_card(description, environment), encoding="utf-8", errors=ESCAPED)
    _write_json(folder / "environment.json", environment)
    _write_json(folder / "bundle.json", {"schema": SCHEMA, **description})
    for name in TABLES:
        with (folder / f"{name}.csv").open("wb") as file:
            write_csv(tables[name], file)
    joblib.dump(portable(models, folder / ENCODERS), folder / MODEL)
    _write_json(folder / CHECKSUMS, {name: _sha256(folder / name) for name in _files_in(folder)})


def _files_in(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and not _left_by_system(path))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _left_by_system(path: Path) -> bool:
    """Say whether a file browser or macOS's tar put a file there: nothing reads it."""
    return path.name in LEFT_BY_SYSTEMS or path.name.startswith("._")


def _swap(aside: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    if old.is_symlink():  # to a bundle that lies elsewhere and stays
        old.unlink()
    else:
        shutil.rmtree(old, ignore_errors=True)


def load_bundle(folder: str | Path) -> Bundle:
    """Load a bundle whose checksums all match.

    Loading runs the Python code pickled in ``model.joblib``. The checksums prove that a bundle is
    whole, not who made it: load bundles only from people you trust.

    Parameters
    ----------
    folder : path
        A bundle folder, or the output folder of a run that holds one.

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        If a file is missing, damaged or unknown, or scikit-learn was older than any that is supported, when
        nothing is unpickled; or if the model needs a module that cannot be imported.

    Warns
    -----
    BundleVersionWarning
        If scikit-learn, numpy or an extraction library differs in its major or minor version.
    """
    import joblib
    from sklearn.exceptions import InconsistentVersionWarning

    folder = find_bundle(folder)
    verify_bundle(folder)
    environment = read_shape(folder / "environment.json", shapes.ENVIRONMENT)
    _refuse_outdated(folder, environment["packages"].get("scikit-learn"))
    for sentence in version_differences(environment, read_environment()):
        warnings.warn(sentence, BundleVersionWarning, stacklevel=2)
    description = read_description(folder)
    try:
        with warnings.catch_warnings():
            # Said above in one sentence for the whole bundle; scikit-learn says it of every class in it.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            models = joblib.load(folder / MODEL)
    except (ImportError, AttributeError) as error:
        if getattr(error, "name", None) in ("torch", "safetensors"):
            raise BundleError(
                f"The model of {folder} holds encoders, which need {error.name}; {HOW_TO_INSTALL}."
            ) from error
        raise BundleError(
            f"The model of {folder} was built with code that is not here ({error}). "
            "Put the module of its own selector or classifier on the path (PYTHONPATH)."
        ) from error
    models = attached(models, weights=folder / ENCODERS)
    return Bundle(folder, models["model"], models["others"], description)


def read_description(folder: Path) -> dict[str, Any]:
    """Return ``bundle.json``: label, modalities, settings, protocol, deviations, warnings."""
    return shapes.read_description(folder / "bundle.json")


def find_bundle(folder: str | Path) -> Path:
    """Return the bundle folder: the one given, or the one inside the output folder of a run."""
    inside = Path(folder) / "bundle"
    return inside if (inside / CHECKSUMS).is_file() else Path(folder)


def verify_bundle(folder: Path) -> None:
    """Raise a BundleError unless every file of the bundle is there and matches its checksum."""
    try:
        expected = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        if problem := next(shapes.misshapen(expected, shapes.CHECKSUMS, CHECKSUMS), None):
            raise ValueError(problem)
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{folder} is not a bundle: it has no {CHECKSUMS}. Pass the folder that `run` wrote."
        ) from None
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{folder / CHECKSUMS} cannot be read ({error}); get the bundle again from its maker."
        ) from error
    found = [name for name in _files_in(folder) if name != CHECKSUMS]
    problems = [f"{name} is missing" for name in dict.fromkeys([*FILES, *expected]) if name not in found]
    problems += [f"{name} has no checksum" for name in FILES if name not in expected]
    problems += [
        f"{name} does not belong there (move it elsewhere)"
        for name in found
        if name not in FILES and not _is_encoder(name)
    ]
    problems += [f"{name} has no checksum" for name in found if _is_encoder(name) and name not in expected]
    if not problems:
        problems = [f"{name} has changed" for name in found if _sha256(folder / name) != expected[name]]
    if problems:
        raise BundleError(f"The bundle {folder} is refused: {'; '.join(problems)}. Get it again from its maker.")


def _is_encoder(name: str) -> bool:
    return re.fullmatch(rf"{ENCODERS}/[0-9a-f]+\.(json|safetensors)", name) is not None


def _refuse_outdated(folder: Path, made_with: str | None) -> None:
    """Raise where the scikit-learn that fitted a model lacks attributes that every supported one looks for."""
    if made_with is not None and [int(number) for number in re.findall(r"\d+", made_with)[:2]] < OLDEST_SKLEARN:
        raise BundleError(
            f"The bundle {folder} was made with scikit-learn {made_with}, whose models those from "
            f"{'.'.join(map(str, OLDEST_SKLEARN))} on cannot apply. Run its recipe.toml again, or predict with the "
            "versions of its environment.json."
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", errors=ESCAPED)


def _card(description: Mapping[str, Any], environment: Mapping[str, Any]) -> str:
    protocol = description["protocol"]
    synthetic = "\n**Trained on synthetic data. Not for any patient.**\n" if description["synthetic"] else ""
    notes = [*description["as_published"], *description["warnings"]] or ["none"]
    return f"""# {description["title"]}
{synthetic}
For research. Not a medical device.

- Predicts: `{description["label"]}` = {description["positive"]}
- Modalities: {", ".join(description["modalities"])}
- Selector: {protocol["selector"]}; classifier: {protocol["classifier"]}; answer: fusion `{protocol["primary"]}`
- Evaluated by: {protocol["repeats"]} x {protocol["folds"]}-fold cross-validation, patients kept whole,
  everything fitted inside the folds; see `scores.csv`
- Made with: Python {environment["python"]}, radiofuse {description["radiofuse_version"]}
- Deviations and warnings: {"; ".join(notes)}

{TRUST}
"""
