"""How far new patients lie from those that a bundle's models were trained on, and what the nearest of these had."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.read import read_table
from radiofuse.bundle.training_spread import spread_from
from radiofuse.bundle.training_values import FEATURES, SPECTRA, values_of
from radiofuse.imaging.spectrum import in_own_unit
from radiofuse.statistics.nearest_patients import EDGE, FEWEST_PATIENTS, INSIDE, OUTSIDE, NearestPatients, Place
from radiofuse.tables import columns
from radiofuse.wording import counted

if TYPE_CHECKING:
    from radiofuse.bundle.new_rows import NewRows

N_TOLD = 3  # columns that say where a patient lies
SAME_TO = 0.02  # of logarithms of spacings, 5 %
N_ALIKE = 10  # fewer patients would tell of single ones
NOT_COMPARED = f"Fewer than {FEWEST_PATIENTS} training patients have numbers that the patient has too."
NO_SUCH_SET = "The patient lacks a number that mean and covariance of the training patients are of."
NEAREST_PATIENTS, MEAN_AND_COVARIANCE = "nearest patients", "mean and covariance"
VERDICTS = (INSIDE, EDGE, OUTSIDE)  # the worst last
NOTHING = {"verdict": None, "distance": None, "limit_95": None, "limit_99": None, "features": []}


class Applicability:
    """The training patients of a bundle, to whom new ones are compared.

    Parameters
    ----------
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        table = read_table(bundle.folder, "training_values")
        self._called = str if bundle.pseudonyms is None else bundle.pseudonyms.of
        self.values, patients = values_of(table, FEATURES)
        self._patients = list(map(self._called, patients))
        told = spread_from(read_table(bundle.folder, "training_spread")) if self.values.empty else None
        self._spread, self.lows, self.highs = told or (None, self.values.min(), self.values.max())
        self.why_unknown = "" if told else _why_unknown(bundle, self._patients)
        self._training = None if self.why_unknown or told else NearestPatients(self.values, self._patients)
        self._spectra = _Spectra(*values_of(table, SPECTRA), self._called)

    def of(self, rows: NewRows) -> dict[str, dict[str, Any]]:
        """Return by sample where it lies: ``applicability`` and ``similar`` as the answer of one patient has them."""
        selves, X = rows.training_selves(), self._compared(rows)
        found = {}
        for sample, row in X.iterrows():
            place = self._place(row, selves[str(sample)])
            spectra = self._spectra.of(rows, sample, selves[str(sample)])
            similar = None if place is None or self._training is None else self._alike(place)
            found[str(sample)] = {"applicability": self._told(place, row, spectra), "similar": similar}
        return found

    def _compared(self, rows: NewRows) -> pd.DataFrame:
        """Return the columns that are compared, embeddings of networks among them where some are."""
        X = rows.X if set(self.lows.index) <= set(rows.X) else _with_embeddings(rows)
        return X.reindex(columns=self.lows.index).astype(float)

    def _place(self, row: pd.Series, selves: Sequence[str]) -> Place | None:
        if self._spread is not None:
            return self._spread.place(row)
        return None if self._training is None else self._training.place(row, *selves)

    def _told(self, place: Place | None, row: pd.Series, spectra: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Return what is said of features and images; the verdict is the worst of theirs."""
        told: dict[str, Any] = NOTHING if place is None else _placed(place, row, self.lows, self.highs)
        verdict = _worst(told["verdict"], spectra)
        note = self._note(place, len(spectra))
        if place is None and verdict is not None:
            note = f"{note} The verdict is that of the images."
        by = NEAREST_PATIENTS if self._spread is None else MEAN_AND_COVARIANCE
        told = {**told, "compared_by": None if place is None else by}
        return {**told, "verdict": verdict, "features_verdict": told["verdict"], "spectra": spectra, "note": note}

    def _note(self, place: Place | None, n_images: int) -> str:
        training = self._training or self._spread
        if training is None or place is None:
            return self.why_unknown or (NOT_COMPARED if self._spread is None else NO_SUCH_SET)
        read, of_columns = counted(len(place.shares), "column"), _of_all(len(place.shares), len(training.columns))
        whom = f"{place.n_patients}{_of_all(place.n_patients, training.n_patients)} training patients"
        images = counted(n_images, "image")
        how = "" if self._spread is None else f"by the {MEAN_AND_COVARIANCE} of their numbers, which are not here, "
        return (
            f"Compared {how}in {read}{of_columns} with {whom}; of new patients who are like these, about 5 in 100 lie "
            f"beyond the first limit and {_beyond_second(place.n_patients)} beyond the second"
            + (f", and in each of {images} as many: the verdict is the worst of all." if n_images else ".")
        )

    def _alike(self, place: Place) -> dict[str, Any]:
        """Return how the outcomes of the nearest training patients are distributed, never of fewer than ten."""
        shares = {}
        for outcome in self._bundle.outcomes:
            known = self._classes[outcome.name]
            classes = [known[one] for one in place.nearest if one in known][:N_ALIKE]
            if len(classes) == N_ALIKE:
                shares[outcome.name] = {name: classes.count(name) / N_ALIKE for name in outcome.classes}
        return {"n": N_ALIKE, "shares": shares}

    @cached_property
    def _classes(self) -> dict[str, dict[str, str]]:
        """The class of each tested patient, by outcome; read once: a table of a thousand asks for each sample."""
        labels, known = _labels(self._bundle), {}
        for outcome in self._bundle.outcomes:
            own = labels[labels["outcome"] == outcome.name].drop_duplicates("patient_id", keep="first")
            known[outcome.name] = dict(zip(map(self._called, own["patient_id"]), own["class"], strict=True))
        return known


class _Spectra:
    """What the images of training patients are like, by modality, for new ones to be compared with."""

    def __init__(self, values: pd.DataFrame, patients: list[str], called: Callable[[object], str]) -> None:
        self._values, own = values, list(map(called, patients))
        self._training = {
            modality: NearestPatients(values[names], own, same_to=SAME_TO)
            for modality, names in columns.by_modality(values.columns).items()
            if len({one for one, there in zip(own, values[names].notna().any(axis=1), strict=True) if there})
            >= FEWEST_PATIENTS
        }

    def of(self, rows: NewRows, sample: Hashable, selves: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return by modality where a sample's image lies; nothing of modalities that cannot be compared."""
        if rows.spectra is None:
            return {}
        row = rows.spectra.loc[sample].reindex(self._values.columns)
        places = {modality: training.place(row, *selves) for modality, training in self._training.items()}
        lows, highs = self._values.min(), self._values.max()
        told = {name: _placed(place, row, lows, highs) for name, place in places.items() if place is not None}
        for one in told.values():
            one["features"] = [_in_own_unit(feature) for feature in one["features"]]
        return told


def _worst(of_features: str | None, spectra: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the worst verdict of features and images; images alone never tell that a patient is inside.

    >>> _worst("inside", {"t1": {"verdict": "outside"}}), _worst(None, {"t1": {"verdict": "inside"}})
    ('outside', None)
    """
    of_images = [one["verdict"] for one in spectra.values() if one["verdict"] != INSIDE]
    return max(filter(None, [of_features, *of_images]), key=VERDICTS.index, default=None)


def _of_all(n: int, n_all: int) -> str:
    return f" of {n_all}" if n < n_all else ""


def _in_own_unit(told: dict[str, Any]) -> dict[str, Any]:
    name = _number_of(told)
    return told | {end: in_own_unit(name, told[end]) for end in ("value", "low", "high")}


def _with_embeddings(rows: NewRows) -> pd.DataFrame:
    if not rows.networks:
        return rows.X
    from radiofuse.deep.estimators.embedded_rows import embedded_rows  # which needs torch

    return rows.X.join(embedded_rows(rows.networks, rows.X))


def _placed(place: Place, row: pd.Series, lows: pd.Series, highs: pd.Series) -> dict[str, Any]:
    """Return where a row lies, and the three columns that say so with what training patients have of them."""
    features = [
        {
            "feature": name,
            "value": float(row[name]),
            "low": float(lows[name]),
            "high": float(highs[name]),
            "share": float(place.shares.get(name, 0.0)),
        }
        for name in place.telling[:N_TOLD]
    ]
    edge, far = place.limits
    told = {"verdict": place.verdict, "distance": place.distance, "limit_95": edge, "limit_99": far}
    return told | {"features": features}


def _why_unknown(bundle: Bundle, patients: list[str]) -> str:
    """Return why nobody can tell how far a patient lies from those of training; empty where it can be told."""
    own = bundle.description.get("pseudonyms") or {}
    if own.get("shared") or own.get("was_shared"):
        return (
            "The bundle is made for handing on and holds neither numbers of training patients to compare with nor, of "
            f"{FEWEST_PATIENTS} or more, their mean and covariance."
        )
    n_patients = len(set(patients))
    if not n_patients:
        return "The final models read no columns of numbers in which patients could be compared."
    if n_patients < FEWEST_PATIENTS:
        return f"{counted(n_patients, 'training patient')} can be compared with, {FEWEST_PATIENTS} are needed."
    return ""


def _beyond_second(n_patients: int) -> str:
    """Return how many of 100 new patients lie beyond the second limit.

    >>> _beyond_second(98), _beyond_second(39)
    ('1', '2.5')
    """
    return f"{max(1.0, 100 / (n_patients + 1)):.2g}"


def _labels(bundle: Bundle) -> pd.DataFrame:
    """Return the class of each tested sample of each outcome, by patient."""
    table = read_table(bundle.folder, "predictions")
    told = table[table["label"] == 1].drop_duplicates(["outcome", "sample_id"])
    parts = [told[["outcome", "patient_id", "sample_id", "class"]]]
    for outcome in bundle.outcomes:
        if outcome.is_binary:  # rows are of the positive class alone
            own = table[(table["outcome"] == outcome.name) & (table["label"] == 0)].drop_duplicates("sample_id")
            parts.append(own[["outcome", "patient_id", "sample_id"]].assign(**{"class": outcome.classes[0]}))
    return pd.concat(parts, ignore_index=True)


def images_outside(told: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return for each sample that has some which of its images are unlike all those of training, and in what."""
    found = {}
    for sample, own in told.items():
        spectra = own["applicability"]["spectra"]
        far = [
            f"the image of {modality} is unlike those of training, most in {_number_of(one['features'][0])}"
            for modality, one in spectra.items()
            if one["verdict"] == OUTSIDE
        ]
        if far:
            found[sample] = "; ".join(far)
    return found


def _number_of(told: Mapping[str, Any]) -> str:
    """Return the name of a spectrum's number without its modality."""
    return str(told["feature"]).partition(columns.SEPARATOR)[2]


def columns_of_table(told: Mapping[str, Mapping[str, Any]], samples: pd.Index) -> dict[str, list[Any]]:
    """Return the columns ``applicability`` and ``distance`` of a table of predictions, by sample."""
    each = [told[str(sample)]["applicability"] for sample in samples]
    return {
        "applicability": [one["verdict"] or "" for one in each],
        "distance": [float("nan") if one["distance"] is None else one["distance"] for one in each],
    }
