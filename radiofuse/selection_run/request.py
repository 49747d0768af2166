"""What a selection was asked for: the options of the command, as one object."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from radiofuse.errors import RequestError
from radiofuse.files.paths import with_home
from radiofuse.files.places import Place
from radiofuse.select.choices import known_name
from radiofuse.tables.columns import is_modality, modality_pattern
from radiofuse.tables.roles import UNNAMED, Roles

CORRECTIONS = {
    "none": None,
    "bonferroni": "bonferroni",
    "holm": "holm",
    "hochberg": "hochberg",
    "bh": "fdr_bh",
    "by": "fdr_by",
}
NO_PART_OF_THE_ANSWER = ("out", "report", "jobs", "dask", "output_format", "overwrite")  # numbers do not depend on them
PUBLISHED = {"steps": "mann_whitney,correlation,lasso", "family": "gaussian"}  # where no others are asked for
OF_SEVERAL_CLASSES = {"steps": "kruskal,correlation,lasso", "family": "multinomial"}
OPTION_NAMES = {"sample_id": "id", "output_format": "format"}


@dataclass(frozen=True)
class SelectionRequest:
    """The options of ``python -m radiofuse.select``; its ``--help`` says what each one means.

    Examples
    --------
    >>> request = SelectionRequest("Target=1", Path("lgg.csv"), adjust="bh", modality_prefixes=False)
    >>> request.command
    'radiofuse select lgg.csv --label Target=1 --no-modality-prefixes --adjust bh'
    """

    label: str
    table: Place | None = None
    features: Sequence[str] = ()
    labels: Path | None = None
    sample_id: str | None = None
    groups: str | None = None
    missing: Sequence[str] = ()
    label_per: str = "patient"
    intersect: bool = False
    cohort: Path | None = None
    block: str | None = None
    modality: str = UNNAMED
    modality_prefixes: bool | None = None
    modality_pattern: str | None = None
    ignore: Sequence[str] = ()
    covariates: Sequence[str] = ()
    site: str | None = None
    unseen_site: str = "error"
    steps: str | None = None
    alpha: float = 0.05
    adjust: str = "none"
    mann_whitney: str = "asymptotic"
    r: float = 0.9
    prune_order: str = "effect"
    family: str | None = None
    rule: str = "min"
    full_path: bool = False
    icc: Path | None = None
    inner: int = 10
    folds: int = 5
    repeats: int | None = None
    nested: bool = True
    seed: int = 0
    jobs: int = field(default=1, compare=False)
    dask: str | None = field(default=None, compare=False)
    out: Path | None = field(default=None, compare=False)
    report: bool = field(default=True, compare=False)
    overwrite: bool = field(default=False, compare=False)
    output_format: str = field(default="table", compare=False)

    def __post_init__(self) -> None:
        if self.steps is not None:
            object.__setattr__(self, "steps", ",".join(self.step_names))  # mannwhitney and mann_whitney are one request
        if not is_modality(self.modality):
            raise RequestError(
                f"--modality is {self.modality!r}; use a lower-case letter followed by letters or digits."
            )
        if self.modality_pattern is not None:
            modality_pattern(self.modality_pattern)
            if self.modality_prefixes is False or self.features:
                other = "--features" if self.features else "--no-modality-prefixes"
                raise RequestError(f"--modality-pattern and {other} each say what the modalities are; leave one out.")
        if (self.table is None) == (not self.features):
            raise RequestError("Name either one TABLE, or one file per modality with --features NAME=FILE.")

    @cached_property
    def modality_files(self) -> dict[str, Path]:
        """The files of ``--features``, by modality."""
        files: dict[str, Path] = {}
        for pair in self.features:
            name, equals, path = pair.partition("=")
            name = name.lower()
            if not (equals and path and is_modality(name)):
                raise RequestError(f"--features is {pair!r}; write it as NAME=FILE, the name in letters and digits.")
            if name in files:
                raise RequestError(f"--features names {name!r} twice; give each modality one file.")
            files[name] = Path(with_home(path))
        return files

    @cached_property
    def roles(self) -> Roles:
        """What the columns of the files mean."""
        return Roles.of(
            self.label,
            sample=self.sample_id,
            patient=self.groups,
            site=self.site,
            covariates=self.covariates,
            ignore=self.ignore,
            missing=self.missing,
            label_per=self.label_per,
            modality=self.modality,
            modality_prefixes=self.modality_prefixes,
            modality_pattern=self.modality_pattern,
        )

    @property
    def n_repeats(self) -> int:
        """How often the outer folds are dealt: 10 times unless asked, once for a single pass without nesting."""
        return self.repeats or (10 if self.nested else 1)

    @cached_property
    def step_names(self) -> list[str]:
        """The steps of the chain, each by the name that `SELECTORS` has for it."""
        return [known_name(name) for name in (part.strip() for part in self._value("steps").split(",")) if name]

    def of_classes(self, n_classes: int) -> SelectionRequest:
        """Return the request with the steps that a label of so many classes is given where none are asked for.

        Examples
        --------
        >>> SelectionRequest("grade", Path("lgg.csv")).of_classes(3).step_names
        ['kruskal', 'correlation', 'lasso']
        """
        defaults = PUBLISHED if n_classes <= 2 else OF_SEVERAL_CLASSES
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})

    def _value(self, name: str) -> Any:
        value = getattr(self, name)
        return PUBLISHED.get(name) if value is None else value

    def parameters(self, options: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters of a selector that are given by options of the command.

        Parameters
        ----------
        options : mapping of str to str
            The selector's ``command_options``: for an option the parameter that it sets.

        Examples
        --------
        >>> request = SelectionRequest("grade", Path("lgg.csv"), adjust="bh")
        >>> request.parameters({"adjust": "correction", "alpha": "alpha"})
        {'correction': 'fdr_bh', 'alpha': 0.05}
        """
        # The one option whose words are not the values of a parameter.
        given = {"adjust": CORRECTIONS[self.adjust]}
        return {name: given.get(option, self._value(option)) for option, name in options.items()}

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that a number may depend on, by option."""
        asked = {one.name: self._value(one.name) for one in fields(self) if one.name not in NO_PART_OF_THE_ANSWER}
        asked["repeats"] = self.n_repeats
        return {OPTION_NAMES.get(name, name): _plain(value) for name, value in asked.items()}

    @property
    def command(self) -> str:
        """The command line that gives the same numbers again, defaults left out."""
        words = ["radiofuse", "select", *([str(self.table)] if self.table else [])]
        for one in fields(self):
            value = _plain(self._value(one.name))
            default = PUBLISHED.get(one.name, None if one.default is MISSING else _plain(one.default))
            if one.name not in ("table", *NO_PART_OF_THE_ANSWER) and value != default:
                words += _words(OPTION_NAMES.get(one.name, one.name), value)
        return shlex.join(words)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple | list) else value


def _words(name: str, value: Any) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [option if value else f"--no-{option[2:]}"]
    return [word for one in (value if isinstance(value, list) else [value]) for word in (option, str(one))]
