"""Problems of a recipe as checks yield them, told together, and the places that a run writes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiofuse.errors import CohortError, RadiofuseError, RequestError

Problems = Iterator[RadiofuseError]
Check = Callable[..., Problems]


@dataclass(frozen=True)
class Places:
    """Where a run writes, and what it may replace there.

    Attributes
    ----------
    out : Path
        Output folder.
    store : str
        Folder or URL of the feature store.
    overwrite : bool
        Whether a ``report.html`` that radiofuse did not write may be replaced.
    report : bool
        Whether a report will be written.
    """

    out: Path
    store: str
    overwrite: bool = False
    report: bool = True


def refuse(problems: Iterable[RadiofuseError]) -> None:
    """Raise what ``together`` makes of the problems, if there are any."""
    if problems := list(problems):
        raise together(problems)


def together(problems: Iterable[RadiofuseError]) -> RadiofuseError:
    """Return one error: a single problem as it is, those of the cohort as one list, others as one list of their kind.

    A wrong request is of the kind that goes before: its exit code asks to change the request first.
    """
    problems = list({str(problem): problem for problem in problems}.values())  # two checks may find the same
    if len(problems) == 1:
        return problems[0]
    of_cohort = [problem for problem in problems if isinstance(problem, CohortError)]
    if len(of_cohort) == len(problems):
        return CohortError(of_cohort[0].source, [sentence for problem in of_cohort for sentence in problem.problems])
    kinds = [type(problem) for problem in problems if not isinstance(problem, CohortError)]
    kind = RequestError if RequestError in kinds else kinds[0]
    return kind("\n  - ".join([f"{len(problems)} things keep this run from beginning:", *map(str, problems)]))


def problems_of(checks: Sequence[Check], *looked_at: Any) -> Problems:
    """Yield the problems of all checks, and the error that one raises on the way."""
    for check in checks:
        try:
            yield from check(*looked_at)
        except RadiofuseError as error:  # of what a check builds on the way, such as the models
            yield error


def raised(call: Callable, *args: Any, **options: Any) -> Problems:
    """Yield the error that a call raises."""
    try:
        call(*args, **options)
    except RadiofuseError as error:
        yield error


# Before the cohort table is read
