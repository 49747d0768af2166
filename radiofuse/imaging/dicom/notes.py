"""What a reader of a converted tree should know: sentences on what was left out, and a table of every series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from radiofuse.files.aside import write_file
from radiofuse.imaging.dicom.masks import Masks
from radiofuse.imaging.dicom.plan import Row
from radiofuse.tables.spreadsheet import write_csv
from radiofuse.wording import counted, listed, some

COLUMNS = (
    "patient_id session series_number description stack sequence because n_slices file mask chosen problem"
).split()


def notes_on(rows: Sequence[Row]) -> Iterator[str]:
    """Yield sentences on series: left out by a rule, refused, converted with a reserve, and not chosen."""
    reasons: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.named.name:
            reasons[row.named.reason].append(row)
    for reason, alike in sorted(reasons.items()):
        yield f"{counted(len(alike), 'series', 'series')} left out ({reason}): {some([_title(row) for row in alike])}."
    for row in rows:
        if row.written is not None and row.written.problem:
            yield f"{_title(row)} was refused ({row.written.code}): {row.written.problem}"
    for note, alike in _reserves(rows).items():
        yield f"{some([_title(row) for row in alike])}: {note}"
    yield from _rivals(rows)


def _reserves(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the volumes of each note, so that it is told once."""
    told: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.written is not None:
            for note in row.written.record.get("notes", ()):
                told[note].append(row)
    return told


def notes_on_masks(masks: Iterable[Masks]) -> Iterator[str]:
    """Yield a sentence per problem of a file of regions, and per image for which several have a mask."""
    masks = list(masks)
    of_images: dict[str, list[Masks]] = defaultdict(list)
    for result in masks:
        if result.wanted is not None:
            of_images[result.job.image.title].append(result)
    for title, several in of_images.items():
        if len(several) > 1:
            newest = several[-1].job.source.name
            yield f"{len(several)} files of regions have a mask for {title}; the newest, {newest}, was taken."
    for result in masks:
        where = f"{result.job.kind} {result.job.source.name} on {result.job.image.title}"
        for problem in result.problems:
            yield f"{where}: {problem.rstrip('.')}."


def _title(row: Row) -> str:
    of_stack = f" ({row.stack.title})" if row.stack is not None and row.stack.title else ""
    return f"{row.series.title}{of_stack} of {row.patient}, {row.session}"


def _rivals(rows: Iterable[Row]) -> Iterator[str]:
    """Tell of every volume that another one of its sample and sequence was chosen over."""
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.volume is not None:
            groups[row.patient, row.session, row.named.name].append(row)
    for (_, _, name), same in groups.items():
        for chosen in (row for row in same if row.chosen and len(same) > 1):
            others = listed([row.volume.name for row in same if row is not chosen])
            yield (
                f"{_title(chosen)} was chosen as {name}; {others} would be {name}, too. A table of sequences with "
                "another name for the series settles it."
            )


def write_table(rows: Iterable[Row], path: Path) -> None:
    """Write one row per series, or stack of it: what it is, why, and what became of it."""
    table = pd.DataFrame([_cells(row, path.parent) for row in rows], columns=list(COLUMNS), dtype=object)
    write_file(path, partial(write_csv, table))


def _cells(row: Row, folder: Path) -> list[object]:
    first = row.series.first
    volume, mask = ("" if each is None else each.relative_to(folder).as_posix() for each in (row.volume, row.mask))
    return [
        row.patient,
        row.session,
        first.series_number,
        first.description or first.protocol,
        "" if row.stack is None else row.stack.title,
        row.named.name,
        row.named.reason,
        len(row.series.instances) if row.stack is None else len(row.stack.frames),
        volume,
        mask,
        int(row.chosen),
        "" if row.written is None else row.written.problem,
    ]
