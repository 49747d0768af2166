"""What a reader must know around an answer: what was missing, how near the training patients are, how well it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radiofuse.report.page import Banner
from radiofuse.report.patient.numbers import plain, share, short
from radiofuse.report.patient.words import RESEARCH, SYNTHETIC, Reader
from radiofuse.report.tables import Table
from radiofuse.wording import listed

FEATURES_ALONE = {
    "inside": "is like that of the patients the model learned from",
    "at the edge": "is at the edge of that of the patients the model learned from",
}
SEXES = {0.0: "F", 1.0: "M"}  # as tables of cohorts code them
NOT_COMPARED = "could not be compared"
CONTRADICTION = "the calls contradict that "
SEEN_BEFORE = "trained on: "  # how a note begins; what follows may name a training sample
IN_PLAIN_WORDS = {  # of a note, what it is to a patient
    "far outside the training range": "Some measurements lie far outside of all that the model has seen. Its answers "
    "may mean nothing here; pictures taken or prepared in another way are often the cause.",
    "is unlike those of training": "A picture is of another kind than those that the model learned from, in "
    "brightness, noise or sharpness. Its answers may mean nothing here.",
    "its mask was made by": "The region was outlined by others, or by another program, than the regions that the model "
    "learned from. Its answers can differ for that reason alone.",
    "is new to the model": "The pictures come from a place that the model did not learn from. Trust its answers less.",
    ", updated on ": "The numbers of the model were adjusted to patients of another place after it was made. They fit "
    "here only as far as this patient is like those.",
    "whether the model was trained on it cannot be told": "Whether the model learned from this very patient cannot be "
    "told. If it did, its answers look surer than they are.",
    "an encoder was trained on it": "A part of the model learned from this very patient: that is why it does not "
    "answer.",
}
VERDICTS = {
    "inside": ("Inside the training cohort", "The pictures measure like those of the patients the model learned from."),
    "at the edge": (
        "At the edge of the training cohort",
        "The pictures measure at the edge of those of the patients the model learned from: trust the answers less.",
    ),
    "outside": (
        "Outside the training cohort",
        "The pictures measure otherwise than those of the patients the model learned from: the answers are not to be "
        "relied on.",
    ),
}


def banners(told: Mapping[str, Any], reader: Reader) -> list[Banner]:
    """Return what stands above everything else."""
    to_patient = reader == "patient"
    research = (
        "This page comes from a research program. It is no finding of a doctor, and no treatment may rest on it. Talk "
        "with your doctors before you draw any conclusion from it."
        if to_patient
        else "Not a medical device. No decision about a patient may rest on this page."
    )
    found = [Banner(RESEARCH, (research,))]
    if told.get("synthetic") or SYNTHETIC in told.get("notes", []):
        found.append(Banner("Synthetic model", (SYNTHETIC,)))
    against = [note for note in _single(told) if note.startswith(CONTRADICTION)]
    if against:
        title = "The answers contradict each other" if to_patient else "Contradictory molecular answers"
        why = "At least one of them is wrong" if to_patient else "They cannot both be right"
        found.append(Banner(title, tuple(f"{why}: {note}." for note in against)))
    of = told.get("applicability") or {}
    if of.get("verdict") == "outside":
        found.append(Banner(VERDICTS["outside"][0], (VERDICTS["outside"][1], *_by_an_image(of))))
    if any(note.startswith(SEEN_BEFORE) for note in _single(told)):
        learned = "The model learned from this very patient: its answers look surer than they are."
        found.append(Banner("Not a new patient", (learned,)))
    if told.get("as_published"):
        found.append(Banner("Departures from the rules of this program", tuple(told["as_published"])))
    return found


def missing_sentences(told: Mapping[str, Any], reader: Reader) -> list[str]:
    """Return which sequences were not there, and which could not be used."""
    to_patient = reader == "patient"
    said = []
    if told["missing"]:
        names, lacks = listed(told["missing"]), "was" if len(told["missing"]) == 1 else "were"
        read = f"{names} {lacks} missing, and the model reads {'it' if lacks == 'was' else 'them'}."
        if to_patient:
            read = f"Of the pictures that the model looks at, {names} {lacks} not there.{_answered_without(told)}"
        said += [read] if to_patient else list((told.get("without") or {}).values()) or [read]
    for failure in told["failures"]:
        of = failure["modality"] or "The patient"
        why = "." if to_patient else f", {failure['code']}: {failure['message']}"
        said.append(f"{of} could not be used{why}")
    everything = "All pictures that the model looks at were there." if to_patient else "No sequence was missing."
    return said or [everything]


def near_the_number(told: Mapping[str, Any], reader: Reader) -> str:
    """Return what a reader of a probability must know there, though it is told elsewhere too.

    Examples
    --------
    >>> near_the_number({"missing": ["t1ce"], "applicability": {"verdict": "outside"}}, "doctor")
    'The patient lies outside the training cohort, and the answer was made without t1ce: do not rely on this number.'
    >>> near_the_number({"missing": [], "applicability": {"verdict": "inside"}}, "doctor")
    ''
    """
    to_patient, is_outside = reader == "patient", (told.get("applicability") or {}).get("verdict") == "outside"
    outside = (
        "your pictures are unlike those that the model learned from"
        if to_patient
        else "the patient lies outside the training cohort"
    )
    without = f"the answer was made without {listed(told['missing'])}" if told["missing"] else ""
    why = ", and ".join(filter(None, (outside if is_outside else "", without)))
    if not why:
        return ""
    then = ": do not rely on this number" if is_outside else ""
    return f"{why[0].upper()}{why[1:]}{then}."


def beside_sentences(told: Mapping[str, Any], reader: Reader) -> list[str]:
    """Return what the model was told of a patient beside images, and what it reads and was not told.

    Examples
    --------
    >>> beside_sentences({"beside_images": {"age": 56.0, "sex": None}}, "doctor")
    ['Beside the images the model read age 56.0.', 'It reads sex too, which it was not told.']
    """
    told_of: Mapping[str, Any] = told.get("beside_images") or {}
    known = [f"{name} {_beside(name, value)}" for name, value in told_of.items() if value is not None]
    unknown = [name for name, value in told_of.items() if value is None]
    images = "pictures" if reader == "patient" else "images"
    said = [f"Beside the {images} the model read {listed(known)}."] if known else []
    too = "It reads" if known else f"Beside the {images} the model reads"
    return said + ([f"{too} {listed(unknown)}{' too' if known else ''}, which it was not told."] if unknown else [])


def _beside(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return SEXES.get(value, plain(value)) if name == "sex" else plain(value)


def _answered_without(told: Mapping[str, Any]) -> str:
    answered = [of["call"] is not None for of in told["outcomes"].values()]
    if not any(answered):
        return ""
    return f" The answers {'' if all(answered) else 'that there are '}were made without."


def applicability_sentences(told: Mapping[str, Any], reader: Reader) -> list[str]:
    """Return how far inside the training cohort a patient is."""
    to_patient, of = reader == "patient", told.get("applicability")
    if not of or of.get("verdict") not in VERDICTS:
        why = "" if to_patient or not of or not of.get("note") else f" {of['note']}"
        whom = "the patients the model learned from" if to_patient else "the training cohort"
        return [f"How near this patient is to {whom} is not known: the model's files do not tell.{why}"]
    said = [f"{VERDICTS[of['verdict']][0]}.", VERDICTS[of["verdict"]][1], *_by_an_image(of)]
    if not to_patient:
        said += [*_distances(of), *filter(None, [of.get("note")])]
    return said


def _by_an_image(of: Mapping[str, Any]) -> Iterator[str]:
    """Yield which images make the verdict, where the measured features alone would give a better one."""
    worst = [name for name, one in (of.get("spectra") or {}).items() if one["verdict"] == of["verdict"]]
    if of["verdict"] != "inside" and of.get("features_verdict", of["verdict"]) != of["verdict"] and worst:
        yield (
            f"That is so of {listed(worst)} as a picture: its brightness, noise, sharpness or voxels. What is measured "
            f"in it {FEATURES_ALONE.get(of['features_verdict'], NOT_COMPARED)}."
        )


def _distances(of: Mapping[str, Any]) -> Iterator[str]:
    if of.get("distance") is not None:
        from_mean = of.get("compared_by") == "mean and covariance"
        whom = "from the mean of the training patients" if from_mean else "to the nearest training patients"
        yield (
            f"Distance {whom} {short(of['distance'])}; the edge begins at "
            f"{short(of.get('limit_95'))}, outside at {short(of.get('limit_99'))}."
        )
    for name, one in (of.get("spectra") or {}).items():
        yield (
            f"Image of {name}: {one['verdict']}, distance {short(one.get('distance'))}, limits "
            f"{short(one.get('limit_95'))} and {short(one.get('limit_99'))}{_furthest(one)}."
        )


def _furthest(one: Mapping[str, Any]) -> str:
    """Say which number of an image sets it apart, where it is not simply like the others."""
    features = one.get("features") or []
    return f"; what sets it apart most is {features[0]['feature']}" if features and one["verdict"] != "inside" else ""


def applicability_table(told: Mapping[str, Any]) -> Table | None:
    """Return the features that say so, None where none is named."""
    features = (told.get("applicability") or {}).get("features") or []
    rows = tuple((one["feature"], short(one["value"]), short(one["low"]), short(one["high"])) for one in features)
    header = ("Feature", "Here", "Lowest in training", "Highest in training")
    return Table("The features that set this patient apart most", header, (("", rows),), n_numbers=3) if rows else None


def similar_sentences(told: Mapping[str, Any], reader: Reader) -> list[str]:
    """Return what share of the nearest training patients had which class."""
    of, to_patient = told.get("similar"), reader == "patient"
    if not of:
        return []
    said = []
    for outcome, shares in of["shares"].items():
        classes = ", ".join(f"{label}: {share(value)}" for label, value in shares.items())
        said.append(
            f"Of the {plain(of['n'], 0)} earlier patients whose pictures measure most like these, as to {outcome}, "
            f"{classes}. That is a group; it does not say what holds for one person."
            if to_patient
            else f"{outcome} of the {plain(of['n'], 0)} nearest training patients, {classes}. Statistics of a group."
        )
    if said and (told.get("applicability") or {}).get("verdict") == "outside":
        said.append("They are the nearest there are, and they are far: none of them is like this patient.")
    return said


def evaluation_sentences(told: Mapping[str, Any], reader: Reader) -> list[str]:
    """Return how well the model did on patients whom it had not seen when it was made."""
    said = []
    for outcome, of in (told.get("evaluation") or {}).items():
        n, auc = plain(of["n_patients"], 0), plain(of["auc"], 2)
        if reader == "patient":
            said.append(
                f"{outcome}: the model was tried on {n} patients whom it had not seen. {_score(of)}: {auc}{_ends(of)}. "
                f"A coin would have a half, a perfect model one.{_before_update(of)}"
            )
        else:
            what = "mean AUC of each class against the rest" if of.get("of_each_class") else "AUC"
            said.append(f"{outcome}: {what} out of fold {auc}{_ends(of)}, {n} patients.{_calibration(of)}")
            said[-1] += _before_update(of)
    return said


def _score(of: Mapping[str, Any]) -> str:
    if of.get("of_each_class"):
        return (
            "A score says how often it put a patient of a class above one of another, taken for each class and averaged"
        )
    return "A score says how often it put a patient who has the property above one who has not"


def _ends(of: Mapping[str, Any]) -> str:
    """Return the interval of a score with what it holds."""
    if None in (of.get("low"), of.get("high")):
        return ""
    level = "interval" if of.get("level") is None else f"{100 * of['level']:.0f}% interval"
    meaning = f", {of['interval_of']}" if of.get("interval_of") else ""
    return f" ({level} {plain(of['low'], 2)} to {plain(of['high'], 2)}{meaning})"


def _before_update(of: Mapping[str, Any]) -> str:
    if not of.get("before_update"):
        return ""
    return " That is of the model before its probabilities were updated to other patients; it was not tried since."


def _calibration(of: Mapping[str, Any]) -> str:
    if of.get("slope") is None:
        return ""
    ends = f" ({plain(of['slope_low'], 2)} to {plain(of['slope_high'], 2)})" if of.get("slope_low") is not None else ""
    return (
        f" Calibration slope {plain(of['slope'], 2)}{ends}: below one, probabilities are too extreme; above, not "
        "extreme enough."
    )


def note_sentences(told: Mapping[str, Any], reader: Reader) -> list[str]:
    """Return the notes on an answer; a patient is told in plain words what bears on trusting it."""
    notes = [note for note in _single(told) if not note.startswith((CONTRADICTION, SEEN_BEFORE)) and note != SYNTHETIC]
    if reader == "doctor":
        return notes
    return [said for words, said in IN_PLAIN_WORDS.items() if any(words in note for note in notes)]


def _single(told: Mapping[str, Any]) -> list[str]:
    """Return the notes one by one; those of a sample stand in one text."""
    return [part for note in told.get("notes", []) for part in note.split("; ")]
