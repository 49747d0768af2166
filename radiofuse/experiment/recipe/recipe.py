"""A recipe: text in, a frozen description of the whole run out."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from radiofuse.errors import RequestError
from radiofuse.experiment.recipe.cohort import Cohort, PredictedOutcome
from radiofuse.experiment.recipe.evaluation import Evaluation
from radiofuse.experiment.recipe.models import RecipeModel
from radiofuse.experiment.recipe.parts import (
    Clinical,
    Deep,
    Fusion,
    Harmonization,
    ImpliedClass,
    Part,
    Radiomics,
    Selection,
    Step,
)
from radiofuse.experiment.recipe.published import PublishedTable
from radiofuse.files.paths import describe_absent, is_of_windows, with_home
from radiofuse.imaging.step_options import Steps
from radiofuse.names import did_you_mean
from radiofuse.tables.outcomes import AskedOutcome

OF_THE_FILE = ("name", "folder", "text")  # fields of a recipe that are not written in it


class Recipe(Part):
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
    """What the run is called in its report; left out, the name of the file."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """One seed for everything."""
    cohort: Cohort
    """Which patients; with ``label``, what is predicted."""
    outcomes: Annotated[tuple[PredictedOutcome, ...], Field(min_length=1)] | None = None
    """What is predicted, where it is more than one column of two classes."""
    images: Steps | None = None
    """What is done to the images first; left out, nothing."""
    radiomics: Radiomics = Radiomics()
    """How images become features."""
    deep: Deep | None = None
    """Encoders trained inside the folds; left out, none."""
    harmonize: Harmonization | None = None
    """What sites do to features is taken out inside the folds; left out, it stays."""
    clinical: Clinical = Clinical()
    """How clinical columns are scaled inside the folds."""
    select: Selection = Selection(method="three_step")
    """Which features are kept."""
    classify: Step = Step(method="logistic")
    """The classifier of each modality."""
    models: Annotated[tuple[RecipeModel, ...], Field(min_length=1)] | None = None
    """The models; left out, one late fusion, and what constrained and arms add to it."""
    fusion: Fusion = Fusion()
    """How the modalities' probabilities become one."""
    evaluation: Evaluation = Evaluation()
    """How patients are split, and the intervals of what is scored."""
    implications: tuple[ImpliedClass, ...] | None = None
    """What one outcome says of another; left out, that of a codeletion an IDH mutation is part."""
    tables: tuple[PublishedTable, ...] = ()
    """Published tables to print with this run's values beside theirs."""

    @model_validator(mode="after")
    def _one_way_to_say_what(self) -> Recipe:
        if (self.cohort.label is None) == (self.outcomes is None):
            raise ValueError("say what is predicted: either label under [cohort], or [[outcomes]]")
        if self.outcomes is not None and self.cohort.missing:
            raise ValueError("with [[outcomes]], missing stands in each of them, not under [cohort]")
        return self

    @model_validator(mode="after")
    def _models_once(self) -> Recipe:
        if self.models is None:
            return self
        names = [model.name for model in self.models]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two of the models are called {twice[0]!r}; give each a name of its own")
        if self.fusion.constrained or self.evaluation.arms:
            raise ValueError(
                'with [[models]], constrained and arms are models too: kind = "constrained" with branches, and '
                'kind = "late" with reads = ["radiomics"] or ["deep"]'
            )
        return self

    @model_validator(mode="after")
    def _orders_of_outcomes(self) -> Recipe:
        names = [one.name or one.column for one in self.outcomes or ()] or [str(self.cohort.label).partition("=")[0]]
        for model in self.models or ():
            if model.order is not None and sorted(model.order) != sorted(names):
                raise ValueError(
                    f"order of the model {model.name!r} must name each of the outcomes {', '.join(names)} once; it "
                    f"names {', '.join(model.order)}"
                )
        return self

    @model_validator(mode="after")
    def _point_of_two_classes(self) -> Recipe:
        kinds = {one.kind for one in self.outcomes or ()}
        if "operating_point" in self.evaluation.model_fields_set and kinds == {"multiclass"}:
            raise ValueError(
                "operating_point is of an outcome of two classes: of several the most probable is called; leave it out"
            )
        return self

    @property
    def asked(self) -> str | list[AskedOutcome]:
        """What is predicted, as a reader of tables is asked for it."""
        return [one.asked for one in self.outcomes] if self.outcomes else str(self.cohort.label)

    def path(self, text: str) -> Path:
        """Return a path named in the recipe: ``${VARIABLE}`` filled in, relative to the recipe's folder."""
        filled = _fill_variables(text)
        if is_of_windows(filled):
            raise RequestError(f"The recipe names {describe_absent(Path(filled), 'file')}")
        return self.folder / with_home(filled)

    def files(self) -> list[Path]:
        """Return the files that the recipe names: tables and settings."""
        named = [self.cohort.table, self.cohort.participants, self.radiomics.settings, self.evaluation.fixed]
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
    items = error.errors()
    faulty = {item["loc"][:n] for item in items for n in range(1, len(item["loc"]))}
    told = [item for item in items if item["type"] != "too_short" or item["loc"] not in faulty]  # short by its faults
    lines = [f"{'.'.join(map(str, item['loc'])) or 'recipe'}: {_sentence(item)}" for item in told]
    return "\n  - ".join([f"The recipe {name} has {len(lines)} problem{'s' if len(lines) > 1 else ''}:", *lines])


def _sentence(item: ErrorDetails) -> str:
    if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
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
    if is_dataclass(part):
        return [field.name for field in fields(part)]
    return [name for name in part.model_fields if part is not Recipe or name not in OF_THE_FILE]


def _part_in(annotation: Any) -> Any:
    """Return the table that an annotation as ``tuple[Part, ...] | None`` is about."""
    if isinstance(annotation, type) and (issubclass(annotation, Part) or is_dataclass(annotation)):
        return annotation
    return next(filter(None, map(_part_in, get_args(annotation))), None)


_SENTENCES = {  # where pydantic speaks of Python, not of TOML
    "missing": "is missing",
    "tuple_type": 'should be a list, as ["a", "b"], got {got!r}',
    "too_short": "is an empty list; name at least one, or leave the entry out",
    "model_type": "should be a table of entries, got {got!r}",
}
