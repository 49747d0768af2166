"""What a model answers, in sentences of fixed templates; every number in them is one of the answer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from radiofuse.bundle.intervals import SHARE
from radiofuse.report.patient.numbers import plain, share, shares_apart, short, signed
from radiofuse.report.patient.surroundings import near_the_number
from radiofuse.report.patient.words import Reader, asked
from radiofuse.report.tables import Table
from radiofuse.wording import MISSING

NO_CLASS = "none"  # the set of classes of a patient who is like those of none

PLAIN_INTERVALS = (
    "These shares are of a group of people. They do not say how sure the model is of you, and your own number may lie "
    "outside of them."
)


@dataclass(frozen=True)
class Bar:
    """A probability, its threshold, and the share among patients with such a probability: in percent, and in words."""

    name: str
    shown: str
    value: float
    low: float | None
    high: float | None
    threshold: float | None
    says: str
    says_group: str


@dataclass(frozen=True)
class OutcomeText:
    """What is said of one outcome."""

    name: str
    sentences: tuple[str, ...]
    bars: tuple[Bar, ...]
    tables: tuple[Table, ...]


def outcome_texts(told: Mapping[str, Any], reader: Reader) -> list[OutcomeText]:
    """Return what is said of every outcome."""
    say = _to_patient if reader == "patient" else _to_doctor
    near = near_the_number(told, reader)
    return [
        OutcomeText(
            name,
            (*say(name, of, near), *_spread(told, name, reader)),
            tuple(_bars(of)),
            tuple(_tables(of)) if reader == "doctor" else (),
        )
        for name, of in told["outcomes"].items()
    ]


def _to_doctor(name: str, of: Mapping[str, Any], told_near: str) -> Iterator[str]:
    if of["call"] is None:
        yield "No probability: the model could not answer."
        return
    shown = ", ".join(f"{name} = {label}: {_shown(value, of)}" for label, value in of["probability"].items())
    yield f"Called {name} = {of['call']}. Probability of {shown}. {_rule(name, of)}"
    if told_near:
        yield told_near
    for label, ends in _intervals(of):
        yield f"Of patients with such a probability of {name} = {label}, {_group(of, label, ends)}. {_of_interval(of)}"
    if of.get("set") == NO_CLASS:
        yield "Set of classes that cannot be ruled out: empty; the probability is unusual for each class."
    elif of.get("set"):
        yield f"Set of classes that cannot be ruled out: {of['set']}."


def _to_patient(name: str, of: Mapping[str, Any], told_near: str) -> Iterator[str]:
    question = asked(name)
    if question:
        yield f"The question is {question}."
    if of["call"] is None:
        yield "The computer model could not answer this question."
        return
    yield (
        f"The computer model answers that {name} is {of['call']}. This is a computation from pictures and no "
        "diagnosis: only an examination of tissue can tell for certain."
    )
    for label, value in of["probability"].items():
        yield f"How likely the model holds it that {name} is {label}: {_shown(value, of)}. {_rule(name, of)}"
    if told_near:
        yield told_near
    for label, ends in _intervals(of):
        yield (
            f"The model was tried on other patients. Of those to whom it gave such a number for {name} = {label}, "
            f"{_group(of, label, ends)}. {_plainly(of)}"
        )
    if of.get("set") == NO_CLASS:
        yield "The model's number fits none of the possible answers well: it does not know."
    elif of.get("set"):
        is_single = " or " not in of["set"]
        yield (
            f"Answers that the model cannot rule out: {of['set']}."
            f"{'' if is_single else ' As there are several, the model does not know.'}"
        )


def _shown(value: float | None, of: Mapping[str, Any]) -> str:
    return shares_apart(value, of["threshold"])[0]


def _rule(name: str, of: Mapping[str, Any]) -> str:
    """Say how the class follows from the probability."""
    if of["threshold"] is None:
        return "The most probable class is called."
    label, value = next(iter(of["probability"].items()))
    return f"{name} = {label} is called from {shares_apart(value, of['threshold'])[1]} on."


def _group(of: Mapping[str, Any], label: str, ends: tuple[float, float]) -> str:
    """Say which share of the patients with such a probability was of a class: a line's, and its interval."""
    known, interval = (of.get("calibrated") or {}).get(label), f"{share(ends[0])} to {share(ends[1])}"
    if known is None:
        return f"{interval} were of it ({_level(of)})"
    return f"{share(known)} were of it ({_level(of)} {interval})"


def _intervals(of: Mapping[str, Any]) -> Iterator[tuple[str, tuple[float, float]]]:
    for label, ends in (of.get("interval") or {}).items():
        if ends is not None and len(ends) == 2 and None not in ends:
            yield label, (ends[0], ends[1])


def _level(of: Mapping[str, Any]) -> str:
    level = of.get("interval_level")
    return "interval" if level is None else f"{100 * level:.0f}% interval"


def _plainly(of: Mapping[str, Any]) -> str:
    """Return in plain words what an interval holds, where it is the share among other patients."""
    told = _of_interval(of)
    return PLAIN_INTERVALS if told.startswith(SHARE) else told


def _of_interval(of: Mapping[str, Any]) -> str:
    return str(of.get("interval_of") or "What it holds is not told.")


def _spread(told: Mapping[str, Any], name: str, reader: Reader) -> Iterator[str]:
    """Yield how far dropout moves the probabilities of an outcome."""
    for row in told.get("dropout_spread", []):
        if row["outcome"] != name:
            continue
        if reader == "patient":
            yield (
                f"When parts of the network {row['network']} are switched off at random, {row['passes']} times, its "
                f"probability of {row['class']} lies around {share(row['mean'])} and moves by about {share(row['sd'])}."
            )
        else:
            yield (
                f"Over {row['passes']} passes with dropout the probability of {row['class']} by the network "
                f"{row['network']} has the mean {share(row['mean'])} and the standard deviation {share(row['sd'])}: "
                "the spread of the dropout, not the error of the model."
            )


def _bars(of: Mapping[str, Any]) -> Iterator[Bar]:
    ends, threshold = dict(_intervals(of)), of["threshold"]
    for label, value in of["probability"].items():
        if value is None:
            continue
        (low, high), (shown, limit) = ends.get(label, (None, None)), shares_apart(value, threshold)
        says = f"Probability of {label}: {shown}" + ("" if threshold is None else f", called from {limit} on")
        group = (
            "" if low is None else f"Of patients with such a probability of {label}, {_group(of, label, ends[label])}"
        )
        yield Bar(label, shown, 100 * value, _percent(low), _percent(high), _percent(threshold), says, group)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _tables(of: Mapping[str, Any]) -> Iterator[Table]:
    """Yield what each model says, and what each member contributes to the answer."""
    labels = list(of["probability"])
    if of["models"]:
        rows = tuple(
            (model, *(short(by_class.get(label)) for label in labels)) for model, by_class in of["models"].items()
        )
        yield Table("Probabilities by model", ("Model", *labels), (("", rows),), n_numbers=len(labels))
    if of["contributions"]:
        own = tuple(
            (member, *(signed(by_class.get(label)) if by_class.get(label) is not None else MISSING for label in labels))
            for member, by_class in of["contributions"].items()
        )
        caption = "What each sequence adds to the log-odds of the answer; they add up to it"
        yield Table(caption, ("Member", *labels), (("", own),), n_numbers=len(labels))


def volumes_table(told: Mapping[str, Any], names: Mapping[str, str]) -> Table | None:
    """Return the volumes of the regions, None where there are none."""
    volumes = told.get("volumes_ml") or {}
    rows = tuple((names.get(region, region), plain(ml)) for region, ml in volumes.items())
    return Table("Volumes", ("Region", "Volume, ml"), (("", rows),), n_numbers=1) if rows else None
