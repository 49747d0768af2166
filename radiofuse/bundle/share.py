"""A bundle for handing on: the same models and scores, no table by patient, training patients as keyed hashes."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd

from radiofuse.bundle.format import RECIPE, TABLES
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.manifest import read_manifest
from radiofuse.bundle.new_rows import training_patients
from radiofuse.bundle.patient_rows import FEWEST_CHARACTERS, kept_rows, without_patient_rows
from radiofuse.bundle.plain_writer import NotPlainError, to_plain
from radiofuse.bundle.read import read_table
from radiofuse.bundle.small_cells import without_small_cells
from radiofuse.bundle.table_format import TEXT
from radiofuse.bundle.trust import told_by_objects
from radiofuse.bundle.write import save_bundle
from radiofuse.errors import BundleError
from radiofuse.fuse import holders, keyed
from radiofuse.patients.pseudonyms import FORM, Pseudonyms
from radiofuse.wording import some

SUFFIXES = "csv|tsv|xlsx?|json|toml|ya?ml|nii|gz|mha|nrrd|dcm|pth?|safetensors|txt|pkl|joblib|npz|parquet|onnx"
FOLDERS = re.compile(  # before the name of a file: from a root on, from a drive on, and those of files by their suffix
    r"(?<![\w/:.])(?:~|\.\.)?/(?:[^\s/\"'#]+/)+"
    r"|(?<!\w)[A-Za-z]:[/\\]+(?:[^/\\\n\"'#:]+[/\\]+)*"
    rf"|(?<![\w/:.\\])(?:[\w.~-]+[/\\]+)+(?=[^\s/\\\"']+\.(?:{SUFFIXES})\b)"
)
OF_A_FILE = re.compile(rf"(?!\w+://)[^\n]*[/\\][^/\\\n]+\.(?:{SUFFIXES})")
LISTED = re.compile(r"\b(?i:patients?|samples?)\b:? \d{1,3}(?:(?:, | and )\d{1,3})*(?![\w.])")
FEWEST_LISTED = 3  # short numbers that are all ids, for a list in a recipe to be one of patients


def share_bundle(bundle: Bundle, out: str | Path, pseudonyms: Pseudonyms) -> Path:
    """Write a bundle for handing on.

    Tables with rows of single patients are empty in it, and so are cells of fewer than ten patients in the others.
    Training samples and patients, and the numbers by which their rows are known again, are keyed hashes: whoever has
    the key is warned of training patients, nobody else can tell who they are. Paths of files are cut to their names.

    Parameters
    ----------
    bundle : Bundle
        As ``load_bundle`` returns it; its models lose what they keep of training patients.
    out : path
        Folder of the new bundle; an earlier bundle there is replaced.
    pseudonyms : Pseudonyms
        Of the key that its maker keeps.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BundleError
        If its models hold rows of training patients that they predict from, or a network of the user's own, or a text
        names a patient.
    """
    trained, own = training_patients(replace(bundle, pseudonyms=None)), bundle.description.get("pseudonyms")
    if own is not None and (own["shared"] or own.get("was_shared") or own["key"] != pseudonyms.fingerprint):
        raise BundleError(_already_keyed(bundle, shared=own["shared"]))
    failed = read_table(bundle.folder, "failures")["sample_id"]
    ids = frozenset({*map(str, trained.index), *map(str, trained), *map(str, failed)})
    models = keyed(bundle.models, pseudonyms)
    _refuse_models(bundle, models, ids, _row_counts(bundle, trained))
    named = _pattern(ids - {pseudonyms.of(one) for one in ids})
    tables = without_small_cells({name: _for_others(read_table(bundle.folder, name), name) for name in TABLES})
    description = _description_for_others(
        bundle.description, trained, pseudonyms, lambda sentence: _renamed(sentence, ids, named, pseudonyms)
    )
    recipe = _recipe_without_places((bundle.folder / RECIPE).read_text(encoding="utf-8"))
    _refuse_named(recipe, description, tables, named)
    _refuse_listed(recipe, ids)
    environment = read_manifest(bundle.folder)["environment"]
    return save_bundle(
        out, models=models, recipe=recipe, description=description, tables=tables, environment=environment
    )


def _description_for_others(
    about: Mapping[str, Any], trained: pd.Series, pseudonyms: Pseudonyms, renamed: Callable[[str], str]
) -> dict[str, Any]:
    """Return a description with pseudonyms for training samples and patients, in its warnings too."""
    rows = about.get("training_rows", {}).items()
    description = {
        **_without_places(about),
        "training_rows": {pseudonyms.digest(digest): pseudonyms.of(sample) for digest, sample in rows},
        "untested_patients": {pseudonyms.of(sample): pseudonyms.of(patient) for sample, patient in trained.items()},
        "pseudonyms": {"key": pseudonyms.fingerprint, "shared": True},
        "warnings": list(map(renamed, about["warnings"])),
    }
    description.pop("schema", None)
    return description


def _already_keyed(bundle: Bundle, *, shared: bool) -> str:
    raw = [name for name in bundle.description.get("untested_patients", {}) if not FORM.fullmatch(name)]
    if raw and bundle.description.get("updates"):
        return (
            f"The bundle {bundle.folder} was updated without its key, and holds the ids of these patients as they are. "
            "Hand on the bundle that was updated, or update it once more with its key (--key)."
        )
    if shared:
        return f"The bundle {bundle.folder} is made for handing on already: hand on a copy of it."
    return f"The ids of the bundle {bundle.folder} were replaced with another key; name that one."


def _row_counts(bundle: Bundle, trained: pd.Series) -> frozenset[int]:
    """Return how many training rows there are in all, and of each outcome."""
    tested = read_table(bundle.folder, "predictions").groupby("outcome")["sample_id"].nunique()
    return frozenset({len(trained), *map(int, tested)})


def _refuse_models(bundle: Bundle, models: dict[str, Any], ids: frozenset[str], counts: frozenset[int]) -> None:
    """Take training rows out of models where nothing reads them; raise where something is left, or may be."""
    if own := told_by_objects(holders(*bundle.models.values())):
        raise BundleError(
            f"The models of {bundle.folder} hold {some(list(own))}, a network of which nobody here knows whether "
            "pictures of training patients are kept. Choose an encoder of radiofuse's list and run the recipe again; "
            "or hand on its report."
        )
    if kept := kept_rows(without_patient_rows(models), ids, counts):
        raise BundleError(
            f"The models of {bundle.folder} hold a number for each training patient, or for some ({some(kept)}). "
            "Choose a classifier, scale and rule that keep none, as logistic regression on z-scores and the mean, and "
            "run the recipe again; or hand on its report."
        )
    if unknown := _unknown_parts(models):
        raise BundleError(
            f"The models of {bundle.folder} hold {unknown}, of which nobody here knows whether rows of training "
            "patients are kept. Choose a classifier of radiofuse's list and run the recipe again; or hand on its "
            "report."
        )


def _unknown_parts(models: dict[str, Any]) -> str:
    """Return which parts of models are of no class that model files know; empty where there are none."""
    try:
        return some(list(own)) if (own := to_plain(models).own) else ""
    except NotPlainError as reason:
        return str(reason)


def _for_others(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a table without rows where its rows are of single patients."""
    return table.iloc[:0] if TABLES[name].of_patients else table


# ---------------------------------------------------------------- places


def _without_places(value: Any) -> Any:
    """Return a description whose paths are names of files."""
    if isinstance(value, Mapping):
        return {name: _without_places(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_places(one) for one in value]
    return _name_of(value) if isinstance(value, str) and _is_place(value) else value


def _is_place(text: str) -> bool:
    """Say whether a text names a place on a disk: from a root, home or folder above on, or a file in one."""
    rooted = text.startswith(("/", "~", "../", "\\")) or PureWindowsPath(text).is_absolute()
    return "\n" not in text and (rooted or OF_A_FILE.fullmatch(text) is not None)


def _name_of(place: str) -> str:
    return PureWindowsPath(place).name or "/"


def _recipe_without_places(recipe: str) -> str:
    """Return a recipe whose paths are names of files, in its comments too."""
    for place in sorted(filter(_is_place, _texts(tomllib.loads(recipe))), key=len, reverse=True):
        for written in {place, json.dumps(place, ensure_ascii=False)[1:-1]}:
            recipe = recipe.replace(written, _name_of(place))
    return FOLDERS.sub("", recipe)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)


# ---------------------------------------------------------------- ids


def _pattern(ids: Iterable[str]) -> re.Pattern[str]:
    """Return what finds ids in sentences and in names of files: all but short numbers; no decimals, no dates."""
    told = sorted((one for one in ids if not _is_short(one)), key=len, reverse=True)
    apart = r"(?<![^\W_])(?<!\d\.){}(?![^\W_]|\.\d|-\d\d-\d\d)"
    return re.compile("|".join(apart.format(re.escape(one)) for one in told) or r"(?!)")


def _is_short(name: str) -> bool:
    return len(name) < FEWEST_CHARACTERS and name.isdigit()


def _renamed(sentence: str, ids: Collection[str], named: re.Pattern[str], pseudonyms: Pseudonyms) -> str:
    """Return a sentence with pseudonyms for ids, short numbers too where it says so, and no folders."""

    def called(found: re.Match[str]) -> str:
        return pseudonyms.of(found[0]) if found[0] in ids else found[0]

    listed = LISTED.sub(lambda told: re.sub(r"\d+", called, told[0]), sentence)
    return FOLDERS.sub("", named.sub(lambda found: pseudonyms.of(found[0]), listed))


def _listed_ids(value: Any, ids: Collection[str]) -> list[str]:
    """Return the first list of a recipe whose members all are ids; short numbers are told in no other way there."""
    within = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    members = list(map(str, within)) if isinstance(value, list) else []
    if len(set(members)) >= FEWEST_LISTED and ids and set(members) <= set(ids):
        return members
    return next((found for one in within if (found := _listed_ids(one, ids))), [])


def _refuse_named(
    recipe: str, description: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], named: re.Pattern[str]
) -> None:
    """Raise where a text still names a sample or a patient."""
    texts = {RECIPE: recipe, "bundle.json": json.dumps(description, ensure_ascii=False)}
    for name, table in tables.items():
        texts[f"{name}.csv"] = "\n".join(map(str, pd.unique(table[TABLES[name].of(TEXT)].to_numpy().ravel())))
    if found := [f"{name} names {there[0]}" for name, text in texts.items() if (there := named.search(text))]:
        raise BundleError(
            f"A bundle for handing on would name patients: {some(found)}. Take the name out of the recipe, or rename "
            "what is called like a patient, and run the recipe again."
        )


def _refuse_listed(recipe: str, ids: Collection[str]) -> None:
    if members := _listed_ids(tomllib.loads(recipe), ids):
        raise BundleError(
            f"A bundle for handing on would name patients: {RECIPE} lists {some(members)}. Name the folds by a column "
            "of the cohort table instead, and run the recipe again."
        )
