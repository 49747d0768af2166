"""A recipe: text in, a frozen description of the whole run out."""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from radiofuse.errors import RequestError
from radiofuse.files.paths import describe_absent, is_of_windows, with_home
from radiofuse.names import did_you_mean
from radiofuse.select.choices import known_name
from radiofuse.tables.columns import modality_pattern


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Phantom(_Part):
    """A synthetic cohort that the package generates, for want of patient data."""

    n_patients: Annotated[int, Field(ge=20, le=1000)] = 60
    seed: int = 0


def _check_mask_label(value: Any) -> str | int | tuple[int, ...]:
    values = value if isinstance(value, list) and value else [value]
    if value != "any" and not all(type(one) is int for one in values):
        raise ValueError('should be "any", a whole number, or a list of whole numbers')
    return tuple(value) if isinstance(value, list) else value


def _check_slices(value: Any) -> Any:
    if value != "all" and not (type(value) is int and value >= 1):
        raise ValueError('should be 1 or more, or "all"')
    return value


def _check_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"names {twice[0]!r} more than once")
    return names


def _check_pattern(text: str) -> str:
    modality_pattern(text)
    return text


def _codes_as_text(values: Any) -> Any:
    """Return codes as the table has them: 9 and "9" mean the same."""
    return tuple(map(str, values)) if isinstance(values, list) else values


def _known_names(steps: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(known_name, steps))


_Names = Annotated[tuple[str, ...], AfterValidator(_check_once)]
_Steps = Annotated[tuple[str, ...], AfterValidator(_known_names), AfterValidator(_check_once)]


class Cohort(_Part):
    """Which patients, which column is predicted, which modalities take part."""

    table: str | None = None
    phantom: Phantom | None = None
    participants: str | None = None
    label: str
    label_per: Literal["patient", "sample"] = "patient"
    missing: Annotated[tuple[str, ...], BeforeValidator(_codes_as_text)] = ()
    ignore: tuple[str, ...] = ()
    modalities: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    modality_pattern: Annotated[str, AfterValidator(_check_pattern)] | None = None
    mask_label: Annotated[Any, AfterValidator(_check_mask_label)] = None

    @model_validator(mode="after")
    def _one_source(self) -> Cohort:
        if (self.table is None) == (self.phantom is None):
            raise ValueError("give either table (a file) or phantom (a generated cohort)")
        return self


class Radiomics(_Part):
    """How images become features."""

    settings: str = "default"  # "none": no radiomics
    backend: str = "radiofuse"


class Selection(_Part):
    """A selector by name, or several one after the other, with options: those of the method, or a table per step."""

    method: str | None = None
    steps: Annotated[_Steps, Field(min_length=1)] | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_way(self) -> Selection:
        if (self.method is None) == (self.steps is None):
            raise ValueError("give either method (one selector) or steps (several, one after the other)")
        steps = self.steps or ()
        for name, value in self.options.items() if steps else ():
            if not isinstance(value, dict):
                table = f"[select.options.{steps[0]}]"
                raise ValueError(f"options of steps stand in a table for each, as {table}; {name!r} stands in none")
            if name not in steps:
                raise ValueError(f"options are given for {name!r}, which is no step.{did_you_mean(name, steps)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The selectors, in order; none where every column is kept."""
        if self.method is None:
            return self.steps or ()
        return () if self.method == "none" else (self.method,)

    @property
    def title(self) -> str:
        """What stands for the selection in tables: the method, or the steps."""
        return self.method or ", ".join(self.steps or ())


class Step(_Part):
    """A classifier by name, with its options."""

    method: str
    options: dict[str, Any] = {}


class Deep(_Part):
    """One encoder per modality, trained on tumor crops of the training patients; its output joins the radiomics.

    ``join`` puts the output beside the radiomic columns before selection, or makes the encoder a member
    of the late fusion of its own. ``folds`` are those that give training rows outputs of encoders that
    never saw them.
    """

    encoder: str = "san10_small"
    join: Literal["columns", "members"] = "columns"
    output: Literal["embedding", "logit"] = "embedding"
    protocol: Literal["crossfit", "as_published"] = "crossfit"
    folds: Annotated[int, Field(ge=2)] = 5
    size: Annotated[int, Field(ge=8, le=512)] = 72
    slices: Annotated[Any, AfterValidator(_check_slices)] = 1
    training: dict[str, Any] = {}
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"


class Fusion(_Part):
    """How the modalities' probabilities become one; the first of ``combine`` is the model's answer.

    ``constrained`` names input methods of the constraint fusion, each evaluated as a model of its own.
    """

    combine: Annotated[_Names, Field(min_length=1)] = ("mean", "vote", "regression", "nonnegative")
    inner_folds: Annotated[int, Field(ge=2)] = 5
    constrained: _Names = ()
    constrained_options: dict[str, Any] = {}


class Evaluation(_Part):
    """Repeated, stratified, patient-grouped cross-validation and its intervals.

    ``arms`` evaluates a fusion on one kind of features alone, for comparison: ``radiomics`` is the same fusion
    without encoders, ``deep`` fuses the networks' own softmax probabilities, without selection and classifier.
    """

    folds: Annotated[int, Field(ge=2)] = 5
    repeats: Annotated[int, Field(ge=1)] = 5
    resamples: Annotated[int, Field(ge=100)] = 2000
    arms: Annotated[tuple[Literal["deep", "radiomics"], ...], AfterValidator(_check_once)] = ()


class PublishedRow(_Part):
    """One row of a published table: the model that stands for it here, and the published values."""

    name: str
    model: str
    published: tuple[float | None, ...]


class PublishedTable(_Part):
    """A published table to print with this run's values beside it: scores by row, or a fusion's weights."""

    title: str
    source: str
    metrics: tuple[str, ...] = ()
    rows: tuple[PublishedRow, ...] = ()
    fusion: str | None = None
    published: dict[str, float] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> PublishedTable:
        if bool(self.rows) == (self.fusion is not None):
            raise ValueError("give either rows (scores) or fusion (its weights)")
        uneven = [row.name for row in self.rows if len(row.published) != len(self.metrics)]
        if uneven:
            raise ValueError(f"row {uneven[0]!r} needs one published value per metric, {len(self.metrics)} in all")
        return self


class Recipe(_Part):
    """Everything one run needs, as written in a TOML file.

    Attributes
    ----------
    name : str
        The file's stem; names the output folder.
    folder : Path
        Where the file lies; its paths are relative to it.
    text : str
        The file as it is, kept in the bundle.
    """

    name: str
    folder: Path
    text: str
    title: str
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    cohort: Cohort
    radiomics: Radiomics = Radiomics()
    deep: Deep | None = None
    select: Selection = Selection(method="three_step")
    classify: Step = Step(method="logistic")
    fusion: Fusion = Fusion()
    evaluation: Evaluation = Evaluation()
    tables: tuple[PublishedTable, ...] = ()

    @property
    def selects_deep_features(self) -> bool:
        """Whether a model learns from an encoder's output as columns: where ``output`` and ``protocol`` matter."""
        return self.deep is not None and (self.deep.join == "columns" or bool(self.fusion.constrained))

    def path(self, text: str) -> Path:
        """Return a path named in the recipe: ``${VARIABLE}`` filled in, relative to the recipe's folder."""
        filled = _fill_variables(text)
        if is_of_windows(filled):
            raise RequestError(f"The recipe names {describe_absent(Path(filled), 'file')}")
        return self.folder / with_home(filled)

    def files(self) -> list[Path]:
        """Return the files that the recipe names: tables and settings."""
        named = [self.cohort.table, self.cohort.participants, self.radiomics.settings]
        return [self.path(name) for name in named if name is not None]


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Parameters
    ----------
    path : str or Path
        A TOML file.

    Returns
    -------
    Recipe
        Frozen.

    Raises
    ------
    RequestError
        If the file is missing, is not TOML, or says something unknown; every problem is listed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except FileNotFoundError:
        told = describe_absent(path, "recipe")
        shipped = "Correct the path; radiofuse init writes the recipes that come along."
        raise RequestError(told.replace("Correct the path.", shipped)) from None
    except IsADirectoryError:
        raise RequestError(f"{path} is a folder; name the recipe, a TOML file.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RequestError(f"{path.name} is not a readable TOML file: {error}.") from error
    name = path.stem.encode(errors="backslashreplace").decode()  # of a file name that is not UTF-8
    try:
        return Recipe(**{"title": name, **content}, name=name, folder=path.resolve().parent, text=text)
    except (ValidationError, TypeError) as error:
        raise RequestError(_explain(path.name, error)) from error


_VARIABLE = re.compile(r"\$\{(\w+)\}")


def _fill_variables(text: str) -> str:
    missing = [name for name in _VARIABLE.findall(text) if name not in os.environ]
    if missing:
        raise RequestError(
            f"The recipe's path {text!r} needs the environment variable {missing[0]}, which is not set. "
            f"Set it, for instance: {missing[0]}=/folder/of/data python -m radiofuse.run …"
        )
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)


def _explain(name: str, error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):  # a key of ours (name, folder, text) given in the file
        return f"{name} cannot be used: {error}."
    lines = [f"{'.'.join(map(str, item['loc'])) or 'recipe'}: {_sentence(item)}" for item in error.errors()]
    return "\n  - ".join([f"The recipe {name} has {len(lines)} problem{'s' if len(lines) > 1 else ''}:", *lines])


def _sentence(item: ErrorDetails) -> str:
    if item["type"] == "extra_forbidden":
        meant = did_you_mean(str(item["loc"][-1]), _entries_at(item["loc"][:-1]))
        return f"unknown entry; check its spelling and its table.{meant}"
    if item["type"] in _SENTENCES:
        return _SENTENCES[item["type"]].format(got=item["input"])
    sentence = item["msg"].removeprefix("Value error, ")
    return sentence if isinstance(item["input"], dict) else f"{sentence}, got {item['input']!r}"  # no whole tables


def _entries_at(place: Iterable[str | int]) -> list[str]:
    """Return the entries that a table of the recipe knows."""
    part: Any = Recipe
    for name in (name for name in place if isinstance(name, str)):
        part = _part_in(part.model_fields[name].annotation)
    return [name for name in part.model_fields if name not in ("name", "folder", "text") or part is not Recipe]


def _part_in(annotation: Any) -> Any:
    """Return the table that an annotation as ``tuple[Part, ...] | None`` is about."""
    if isinstance(annotation, type) and issubclass(annotation, _Part):
        return annotation
    return next(filter(None, map(_part_in, get_args(annotation))), None)


_SENTENCES = {  # where pydantic speaks of Python, not of TOML
    "missing": "is missing",
    "tuple_type": 'should be a list, as ["a", "b"], got {got!r}',
    "too_short": "is an empty list; name at least one, or leave the entry out",
    "model_type": "should be a table of entries, got {got!r}",
}
