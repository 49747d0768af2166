"""From headers to series, and from a series to stacks of slices, one frame per place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from radiofuse.imaging.dicom.instances import Facts, Frame, Instance, Person
from radiofuse.wording import counted, listed

Key = TypeVar("Key", bound=Hashable)

IMAGES = ("MR", "CT", "PT")  # whose slices are put together
SEGMENTATION, CONTOURS = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.481.3"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
PLACE_DIGITS = 2  # 0.01 mm: positions are written with two digits or more
AXIS_TOLERANCE = 1e-3  # cosines; of a head of 200 mm, 0.2 mm
SPACING_TOLERANCE = 1e-4  # of the spacing
NAMES = {"b": "b-value", "time": "time point", "type": "image type", "stack": "stack"}


@dataclass(frozen=True)
class Series:
    """Files of one series of one study of one patient."""

    instances: tuple[Instance, ...]

    @property
    def first(self) -> Instance:
        """Where everything stands that all files share."""
        return self.instances[0]

    @cached_property
    def title(self) -> str:
        """What sentences call the series: its number and description."""
        named = self.first.description or self.first.protocol or self.first.dicom_modality
        return f'series {self.first.series_number or "without a number"} "{named}"'


@dataclass(frozen=True)
class Stack:
    """Frames of one series that lie at places of their own, and what tells them from its other stacks."""

    frames: tuple[Frame, ...]
    traits: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """As ``echo 80``; "" where the series is a single stack."""
        return listed([f"{NAMES.get(name, name)} {value or 'none'}" for name, value in self.traits])


def facts_of(series: Series, stack: Stack) -> Facts:
    """Return what the header of a stack says beside its images: of its own file, and of its own echo or b-value."""
    path, traits = stack.frames[0].path, dict(stack.frames[0].traits)
    facts = next(each.facts for each in series.instances if each.path == path)
    echo, b_value = traits.get("echo"), traits.get("b")
    return replace(
        facts,
        te_ms=float(echo) if echo else facts.te_ms,
        b_value=float(b_value) if b_value else facts.b_value,
    )


def group_series(instances: Iterable[Instance], called: Mapping[Person, str]) -> tuple[list[Series], list[str]]:
    """Return series, and notes on those that bear the UID of another.

    Files of one SeriesInstanceUID make two series where their patient, study, number or description
    differ: these belong to the series, so somebody has given two series one UID.
    """
    groups: dict[Hashable, list[Instance]] = defaultdict(list)
    for instance in instances:
        groups[called[instance.person], *_identity(instance)].append(instance)
    series = [Series(tuple(group)) for group in groups.values()]
    series.sort(key=lambda one: (one.first.when, _number(one.first.series_number), one.first.series_uid))
    sharing: dict[str, list[Series]] = defaultdict(list)
    for one in series:
        sharing[one.first.series_uid].append(one)
    notes = [_two_of_one_uid(same) for same in sharing.values() if len(same) > 1]
    return series, notes


def _identity(instance: Instance) -> tuple[str, ...]:
    told = (instance.dicom_modality, instance.series_number, instance.description.strip().lower())
    return instance.series_uid, instance.study_uid, *told


def _number(text: str) -> float:
    return float(text) if text.isdigit() else float("inf")


def _two_of_one_uid(same: Sequence[Series]) -> str:
    titles = listed([f"{one.title} ({counted(len(one.instances), 'file')})" for one in same])
    return f"One SeriesInstanceUID is borne by {len(same)} series: {titles}; they were read as series of their own."


def split_stacks(series: Series) -> list[Stack]:
    """Return stacks in which every place is taken once, where what the headers say suffices for it.

    Frames that differ in size, spacing or orientation never make one stack. Where frames lie at one
    place, what differs among them (echo, b-value, time point, image type) tells stacks apart; frames
    that nothing tells apart stay in one stack.
    """
    frames = [frame for instance in series.instances for frame in instance.frames]
    return [stack for grid in _grids(frames) for stack in _by_traits(grid)]


def _grouped(frames: Iterable[Frame], key: Callable[[Frame], Key]) -> dict[Key, list[Frame]]:
    groups: dict[Key, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return groups


def _grids(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Group frames that lie on one grid but for rounding: compared with the first of each group."""
    groups: list[list[Frame]] = []
    for frame in frames:
        fitting = (group for group in groups if _is_of_grid(frame, group[0]))
        group = next(fitting, None)
        if group is None:
            groups.append([frame])
        else:
            group.append(frame)
    return groups


def _is_of_grid(frame: Frame, other: Frame) -> bool:
    ours, theirs = ((*one.row, *one.column) for one in (frame, other))
    spacings = zip(frame.spacing_mm, other.spacing_mm, strict=True)
    return (
        frame.size == other.size
        and all(abs(a - b) <= AXIS_TOLERANCE for a, b in zip(ours, theirs, strict=True))
        and all(abs(a - b) <= SPACING_TOLERANCE * b for a, b in spacings)
    )


def _place(frame: Frame) -> Hashable:
    return tuple(round(value, PLACE_DIGITS) + 0.0 for value in frame.position)


def _by_traits(frames: Sequence[Frame]) -> list[Stack]:
    at_one_place = [group for group in _grouped(frames, _place).values() if len(group) > 1]
    if not at_one_place:
        return [Stack(tuple(frames))]
    differing = Counter(name for group in at_one_place for name, values in _values(group).items() if len(values) > 1)
    # A trait that differs at a few places only comes from there: an acquisition that was continued.
    telling = sorted(name for name, count in differing.items() if 2 * count > len(at_one_place))
    groups = _grouped(frames, lambda frame: tuple((name, dict(frame.traits)[name]) for name in telling))
    return [Stack(tuple(group), traits) for traits, group in sorted(groups.items(), key=lambda item: str(item[0]))]


def _values(frames: Iterable[Frame]) -> dict[str, set[str]]:
    values: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        for name, value in frame.traits:
            values[name].add(value)
    return values
