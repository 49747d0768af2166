"""What becomes of every series: whose it is, of which session, and as which sequence it is written, or why not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radiofuse.imaging.dicom.instances import Instance, Person
from radiofuse.imaging.dicom.masks import KINDS
from radiofuse.imaging.dicom.sequences import Named, Rule, Words, name_sequence
from radiofuse.imaging.dicom.series import IMAGES, Series, Stack, facts_of, group_series, split_stacks
from radiofuse.imaging.dicom.volumes import Job, Written
from radiofuse.wording import counted, some

FEWEST_SLICES = 4  # fewer are a localizer or a picture, unless a rule of the user names the series


@dataclass
class Row:
    """A stack of a series, and what became of it."""

    series: Series
    stack: Stack | None
    patient: str
    session: str
    named: Named
    job: Job | None = None
    written: Written | None = None
    mask: Path | None = None
    coding: Mapping[str, int] = field(default_factory=dict)
    chosen: bool = False

    @property
    def done(self) -> Job | None:
        """The job, if a volume came of it."""
        return self.job if self.written is not None and not self.written.problem else None

    @property
    def volume(self) -> Path | None:
        """Where the volume was written, None if it was not."""
        return None if self.done is None else self.done.path


def plan_rows(
    instances: Iterable[Instance], called: Mapping[Person, str], rules: Sequence[Rule], out: Path, keep_ids: bool
) -> tuple[list[Row], list[str]]:
    """Return a row per stack of every series of images, those to be written with a job."""
    series, notes = group_series((each for each in instances if each.sop_class not in KINDS), called)
    sessions = _sessions(series, called)
    notes += _undated(series, called)
    rows = []
    for one in series:
        patient = called[one.first.person]
        session = sessions[patient, one.first.study_uid]
        for stack in _stacks(one):
            rows.append(Row(one, stack, patient, session, _named(one, stack, rules)))
    taken: Counter[Path] = Counter()
    for row in rows:
        if row.named.name and row.stack is not None:
            row.job = _job(row, row.stack, out, taken, keep_ids)
    return rows, notes


def _sessions(series: Iterable[Series], called: Mapping[Person, str]) -> dict[tuple[str, str], str]:
    """Return ``s1``, ``s2`` for the studies of each patient, in the order of their dates."""
    studies: dict[str, dict[str, str]] = defaultdict(dict)
    for one in series:  # by date
        known = studies[called[one.first.person]]
        known.setdefault(one.first.study_uid, f"s{len(known) + 1}")
    return {(patient, uid): name for patient, known in studies.items() for uid, name in known.items()}


def _undated(series: Iterable[Series], called: Mapping[Person, str]) -> list[str]:
    """Tell of patients with several studies of which not all have a date of their own."""
    dates: dict[str, dict[str, str]] = defaultdict(dict)
    for one in series:
        dates[called[one.first.person]][one.first.study_uid] = one.first.when
    doubtful = [name for name, of in dates.items() if len(of) > 1 and len({*of.values()} - {""}) < len(of)]
    note = f"{counted(len(doubtful), 'patient')} with studies without a date of their own: {some(sorted(doubtful))}"
    return [f"{note}; the order of the sessions is arbitrary."] if doubtful else []


def _stacks(series: Series) -> list[Stack | None]:
    is_image = series.first.dicom_modality in IMAGES and any(each.frames for each in series.instances)
    return list(split_stacks(series)) if is_image else [None]


def _named(series: Series, stack: Stack | None, rules: Sequence[Rule]) -> Named:
    first = series.first
    if first.dicom_modality not in IMAGES:
        return Named("", f"{first.dicom_modality or 'no modality'}, not MR, CT or PET")
    if stack is None:
        return Named("", "no place in space is given, or many frames without one")
    if first.samples != 1:
        return Named("", "colors")
    facts = facts_of(series, stack)
    described = first.description or first.protocol or facts.sequence_name
    words = Words(
        dicom=first.dicom_modality,
        description=" ".join(described.replace("_", " ").split()),
        image_type="\\".join([*first.image_type, dict(stack.frames[0].traits).get("type", "")]),
        series_number=first.series_number,
        agent=facts.contrast_agent,
        times_ms={"te_ms": facts.te_ms, "tr_ms": facts.tr_ms, "ti_ms": facts.ti_ms},
        scanning_sequence=facts.scanning_sequence,
    )
    named = name_sequence(words, rules)
    if named.name and not named.is_of_user and "MOSAIC" in first.image_type:
        return Named("", "a mosaic of many slices in one")
    if named.name and not named.is_of_user and len(stack.frames) < FEWEST_SLICES:
        return Named("", f"fewer than {FEWEST_SLICES} slices")
    return named


def _job(row: Row, stack: Stack, out: Path, taken: Counter[Path], keep_ids: bool) -> Job:
    number = row.series.first.series_number
    stem = out / row.patient / row.session / f"{row.named.name}-{number if number.isdigit() else 0}"
    taken[stem] += 1
    several = f"-{taken[stem]}" if taken[stem] > 1 else ""
    path = stem.with_name(f"{stem.name}{several}.nii.gz")
    return Job(row.series, stack, row.named, path, row.patient, row.session, keep_ids)
