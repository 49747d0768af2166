"""The methods of a selection in sentences, from its record alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from radiofuse.report.paper.prose import Section, Sentence, section
from radiofuse.report.selection import sentences
from radiofuse.report.selection.contents import SelectionContents
from radiofuse.report.tables import pairs
from radiofuse.tables.roles import UNNAMED
from radiofuse.wording import listed

FILES = ("table", "features", "labels", "cohort", "icc")  # settings that are paths


def methods_of_selection(contents: SelectionContents) -> list[Section]:
    """Return the sections of a methods paragraph."""
    record = contents.record
    told = [
        section("Before you use this text", [_LEFT_TO_YOU], as_list=True),
        section("Samples and features", _samples(record)),
        section("Selection", _selection(record)),
        section("Validation", _validation(contents)),
        section("Notes and warnings of the run", [*record["notes"], *record["warnings"]], as_list=True),
        section("Software and provenance", _software(record)),
    ]
    return [one for one in told if one.sentences]


_LEFT_TO_YOU = (
    "Every sentence was written by the program from the files of the selection. It knows nothing of ethics, "
    "recruitment, images and why the study was done: these are yours to write."
)


def _samples(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"The label was {record['label']}, of the classes {listed(record['classes'])}."
    for name, flow in record["flow"].items():
        yield f"{_of(name)}{sentences.flow(flow, record['words'])}"


def _of(modality: str) -> str:
    return "" if modality == UNNAMED else f"{modality}: "


def _selection(record: Mapping[str, Any]) -> Iterator[Sentence]:
    settings = record["settings"]
    for name, words in record["words"].items():
        yield Sentence(f"{words['title'][:1].upper()}{words['title'][1:]}: features {words['kept']} stayed.", (name,))
    shown = {name: value for name, value in settings.items() if name not in FILES and value not in (None, [], False)}
    yield Sentence(f"Settings: {pairs(shown)}.")
    if settings.get("adjust") == "bh":
        yield Sentence("p-values of single features were adjusted after Benjamini and Hochberg.", ("bh",))


def _validation(contents: SelectionContents) -> Iterator[Sentence]:
    record = contents.record
    yield Sentence(f"Validation: {sentences.folds(record)}.")
    if record["auc_nested"]:
        yield Sentence(
            "The selection was repeated in every outer training fold; AUCs are of patients that no step of it saw, "
            f"with 95% intervals ({contents.interval_method}).",
            ("auc", "bootstrap"),
        )
    if record["stability"]:
        told = [f"{_of(name)}{sentences.stability(record, name)}" for name in record["stability"]]
        yield Sentence(" ".join(told), ("stability index",))


def _software(record: Mapping[str, Any]) -> Iterator[Sentence]:
    libraries = [f"{name} {version}" for name, version in record["libraries"].items()]
    yield Sentence(
        f"Python {record['python']}, radiofuse {record['radiofuse']}, {listed(libraries)}.",
        tuple(name for name in ("numpy", "scipy", "scikit-learn") if name in record["libraries"]),
    )
    yield Sentence(f"The seed of every random choice is {record['seed']}.")
    for path, digest in record["inputs"].items():
        yield Sentence(f"SHA-256 of {Path(path).name}: {digest}.")  # where it lies is nobody's business
