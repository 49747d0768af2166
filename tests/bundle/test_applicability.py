"""How far a new patient lies from those of training, told from a bundle; never of few, never of one handed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle import applicability
from radiofuse.bundle.applicability import N_ALIKE, Applicability, columns_of_table, images_outside
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.new_rows import NewRows
from radiofuse.bundle.training_rows import row_digests
from radiofuse.bundle.training_spread import LIMITS, training_spread
from radiofuse.bundle.training_values import FEATURES, SPECTRA, columns_of_models, training_values
from radiofuse.commands.applicability_words import of_patient, of_table
from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.statistics.nearest_patients import NearestPatients
from radiofuse.statistics.shrunk_distance import spread_of
from radiofuse.tables.spreadsheet import write_csv

KEY = Pseudonyms(b"a key of the maker's own")
OUTCOMES = [
    {"name": "idh", "kind": "binary", "classes": ["0", "1"], "ordered": False},
    {"name": "grade", "kind": "multiclass", "classes": ["2", "3", "4"], "ordered": True},
]


def drawn(n: int, first: int = 0) -> pd.DataFrame:
    names = [f"s{first + at:02d}" for at in range(n)]
    values = np.random.default_rng(first).normal(size=(n, 4))
    return pd.DataFrame(values, names, columns=["t1__a", "t1__b", "t2__a", "t2__b"])


def out_of_fold(X: pd.DataFrame) -> pd.DataFrame:
    """Out-of-fold rows: idh is 1 where the first column is above 0, the grade known of nine patients alone."""
    known = {"sample_id": X.index, "patient_id": X.index.str.replace("s", "p"), "repeat": 0, "fold": 0, "model": "mean"}
    told = pd.DataFrame(known | {"probability": 0.5})
    idh = told.assign(outcome="idh", **{"class": "1", "label": (X["t1__a"] > 0).astype(int).to_numpy()})
    grades = [told[:9].assign(outcome="grade", **{"class": name}, label=int(name == "3")) for name in "234"]
    return pd.concat([idh, *grades])


def write(folder: Path, X: pd.DataFrame, *, spread: bool = False, **about: Any) -> Bundle:
    values = training_values({FEATURES: X}, list(X.index.str.replace("s", "p")))
    mean = training_spread(X if spread else X.iloc[:0], list(X.index) if spread else [])
    for name, table in {"training_values": values, "predictions": out_of_fold(X), "training_spread": mean}.items():
        with (folder / f"{name}.csv").open("wb") as file:
            write_csv(table, file)
    return Bundle(folder, {}, {"outcomes": OUTCOMES, **about})


def rows(bundle: Bundle, X: pd.DataFrame) -> NewRows:
    patients = pd.Series(X.index.str.replace("s", "p"), X.index)
    return NewRows(bundle, X, patients, pd.DataFrame(), pd.DataFrame())


def test_a_patient_among_those_of_training_is_inside_and_one_far_off_outside(tmp_path: Path) -> None:
    X, new = drawn(60), drawn(3, first=60)
    new.iloc[1, 2] = 30.0
    bundle = write(tmp_path, X)
    told = Applicability(bundle).of(rows(bundle, new))
    first, second = (told[name]["applicability"] for name in ("s60", "s61"))
    assert first["verdict"] == "inside" and second["verdict"] == "outside"
    place = NearestPatients(X, list(X.index)).place(new.iloc[0])
    assert first["distance"] == pytest.approx(place.distance)
    assert (first["limit_95"], first["limit_99"]) == pytest.approx(place.limits)
    furthest = second["features"][0]
    assert (furthest["feature"], furthest["value"]) == ("t2__a", 30.0) and len(second["features"]) == 3
    assert (furthest["low"], furthest["high"]) == (X["t2__a"].min(), X["t2__a"].max())
    assert "60 training patients" in first["note"] and "1.6 beyond the second" in first["note"]
    column = columns_of_table(told, new.index)
    assert column["applicability"][:2] == ["inside", "outside"] and column["distance"][0] == first["distance"]
    (said,) = of_table(pd.DataFrame({"sample_id": new.index[:2], **{name: own[:2] for name, own in column.items()}}))
    assert said.startswith("Warning: 1 of these 2 samples lies outside") and "s61" in said
    assert "Its largest parts lie in t2__a (30; in training" in " ".join(of_patient(second))
    assert "largest parts" not in " ".join(of_patient(first))


def test_the_nearest_tell_their_classes_where_ten_are_known(tmp_path: Path) -> None:
    X = drawn(60)
    bundle = write(tmp_path, X)
    new = drawn(1, first=60).assign(t1__a=2.0)
    similar = Applicability(bundle).of(rows(bundle, new))["s60"]["similar"]
    assert similar["n"] == N_ALIKE == 10 and set(similar["shares"]) == {"idh"}  # the grade is known of nine
    apart = NearestPatients(X, list(X.index)).place(new.iloc[0]).nearest[:10]
    share = float((X.loc[apart, "t1__a"] > 0).mean())
    assert similar["shares"]["idh"] == pytest.approx({"0": 1 - share, "1": share}) and share > 0.5


def test_a_training_patient_is_not_compared_with_himself(tmp_path: Path) -> None:
    X = drawn(60)
    bundle = write(tmp_path, X)
    told = Applicability(bundle).of(rows(bundle, X.iloc[[5]]))["s05"]
    assert told["applicability"]["distance"] == NearestPatients(X, list(X.index)).place(X.iloc[5], "s05").distance
    called = X.iloc[[5]].set_axis(["other"])  # known by the patient
    new = NewRows(bundle, called, pd.Series(["p05"], ["other"]), pd.DataFrame(), pd.DataFrame())
    assert Applicability(bundle).of(new)["other"] == told


@pytest.mark.parametrize("keyed", [False, True])
def test_nor_is_one_under_another_name_whom_his_numbers_tell(tmp_path: Path, keyed: bool) -> None:
    X = drawn(60)
    digests = {KEY.digest(one) if keyed else one: KEY.of(own) if keyed else own for one, own in row_digests(X).items()}
    bundle = write(tmp_path, X, training_rows=digests)
    bundle = replace(bundle, pseudonyms=KEY) if keyed else bundle
    (there,) = Applicability(bundle).of(rows(bundle, X.iloc[[5]])).values()
    renamed = X.iloc[[5]].set_axis(["new"])
    (told,) = Applicability(bundle).of(rows(bundle, renamed)).values()
    assert told == there and told["applicability"]["distance"] > 0


def test_classes_are_read_once_for_all_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, asked = write(tmp_path, drawn(60)), []
    read = applicability.read_table
    monkeypatch.setattr(applicability, "read_table", lambda folder, name: (asked.append(name), read(folder, name))[1])
    new = rows(bundle, drawn(5, first=60))
    assert new.places is new.places
    assert asked == ["training_values", "predictions"]


def test_patients_who_cannot_be_compared_are_not_counted(tmp_path: Path) -> None:
    X = drawn(60).assign(t2__a=np.nan, t2__b=np.nan)
    X.iloc[:22, 2:] = drawn(22)[["t2__a", "t2__b"]]
    bundle = write(tmp_path, X)
    told = Applicability(bundle).of(rows(bundle, drawn(1, first=60).assign(t1__a=np.nan, t1__b=np.nan)))
    note = told["s60"]["applicability"]["note"]
    assert "2 columns of 4 with 22 of 60 training patients" in note and "4.3 beyond the second" in note


@pytest.mark.parametrize(
    ("n", "about", "why"),
    [
        (0, {}, "no columns of numbers in which"),
        (19, {}, "19 training patients can be compared with, 20 are needed."),
        (0, {"pseudonyms": {"key": KEY.fingerprint, "shared": True}}, "made for handing on and holds neither numbers"),
    ],
)
def test_what_cannot_be_told_is_said(tmp_path: Path, n: int, about: dict[str, Any], why: str) -> None:
    bundle = write(tmp_path, drawn(n), **about)
    told = Applicability(bundle).of(rows(bundle, drawn(2, first=60)))
    assert {one["applicability"]["verdict"] for one in told.values()} == {None}
    assert why in told["s60"]["applicability"]["note"] and told["s60"]["similar"] is None
    assert columns_of_table(told, pd.Index(["s60"]))["applicability"] == [""]
    assert "cannot be told" in next(of_patient(told["s60"]["applicability"]))


def test_a_patient_whom_few_can_be_compared_with_is_nowhere(tmp_path: Path) -> None:
    bundle = write(tmp_path, drawn(30))
    told = Applicability(bundle).of(rows(bundle, drawn(1, first=60) * np.nan))["s60"]
    assert told["applicability"]["note"] == "Fewer than 20 training patients have numbers that the patient has too."
    one = drawn(1, first=60).assign(t1__a=np.nan, t1__b=np.nan)
    few = write(tmp_path, drawn(30).mask(np.tile(np.arange(30) > 9, (4, 1)).T).assign(t1__a=drawn(30)["t1__a"]))
    assert Applicability(few).of(rows(few, one))["s60"]["applicability"]["verdict"] is None  # ten have t2


def test_columns_are_those_of_the_final_models() -> None:
    X = drawn(3).assign(t1__crop=1.0, clinical__age=50.0)
    picked = {"modality": ["t1", "t2", "clinical"], "feature": ["a", "b", "age"], "in_final_model": [True, False, True]}
    assert columns_of_models(pd.DataFrame(picked), X) == ["t1__a", "clinical__age"]
    nothing = pd.DataFrame(columns=list(picked))
    assert columns_of_models(nothing, X) == ["t1__a", "t1__b", "t2__a", "t2__b", "clinical__age"]


def test_an_image_unlike_those_of_training_is_named(tmp_path: Path) -> None:
    X = drawn(60).assign(t1__spacing_z=0.0, t2__spacing_z=0.0)
    values = training_values({FEATURES: X, SPECTRA: X}, list(X.index.str.replace("s", "p")))
    write(tmp_path, X)
    with (tmp_path / "training_values.csv").open("wb") as file:
        write_csv(values, file)
    bundle = Bundle(tmp_path, {}, {"outcomes": OUTCOMES})
    new = drawn(2, first=60).assign(t1__spacing_z=[0.0, 0.5], t2__spacing_z=np.nan)
    told = Applicability(bundle).of(replace(rows(bundle, new), spectra=new))
    first, second = (told[name]["applicability"] for name in ("s60", "s61"))
    assert {name: one["verdict"] for name, one in first["spectra"].items()} == {"t1": "inside", "t2": "inside"}
    assert second["spectra"]["t1"]["verdict"] == "outside" and second["features_verdict"] == "inside"
    assert (first["verdict"], second["verdict"]) == ("inside", "outside")  # the worst of both
    assert columns_of_table(told, new.index)["applicability"] == ["inside", "outside"]
    assert "in each of 2 images as many: the verdict is the worst of all." in first["note"]
    assert list(of_patient(second))[-1] == "Together outside: the worst of numbers and images counts."
    nothing = Applicability(bundle).of(replace(rows(bundle, new * np.nan), spectra=new))
    third, fourth = (nothing[name]["applicability"] for name in ("s60", "s61"))
    assert (third["verdict"], fourth["verdict"]) == (None, "outside")  # that images are alike says too little
    assert fourth["distance"] is None and fourth["note"].endswith("The verdict is that of the images.")
    assert "cannot be told" in next(of_patient(fourth))
    assert second["spectra"]["t1"]["features"][0] == {
        **{"feature": "t1__spacing_z", "value": 10**0.5, "low": 1.0, "high": 1.0, "share": 0.0}
    }
    said = {"s61": "the image of t1 is unlike those of training, most in spacing_z"}
    assert images_outside(told) == said and "t1 outside and t2 inside" in " ".join(of_patient(second))
    assert Applicability(bundle).of(rows(bundle, new))["s60"]["applicability"]["spectra"] == {}


def handed_on(folder: Path, X: pd.DataFrame) -> Bundle:
    """A bundle whose table of patients' numbers is empty, as ``radiofuse share`` leaves it."""
    bundle = write(folder, X, spread=True, pseudonyms={"key": KEY.fingerprint, "shared": True})
    with (folder / "training_values.csv").open("wb") as file:
        write_csv(training_values({FEATURES: X.iloc[:0]}, []), file)
    return bundle


def test_a_bundle_that_is_handed_on_compares_by_mean_and_covariance(tmp_path: Path) -> None:
    X, new = drawn(60), drawn(3, first=60)
    new.iloc[1, 2], new.iloc[2, 2:] = 30.0, np.nan
    bundle, spread = handed_on(tmp_path, X), spread_of(X, list(X.index))
    told = Applicability(bundle).of(rows(bundle, new))
    first, second, third = (told[name]["applicability"] for name in ("s60", "s61", "s62"))
    assert [one["verdict"] for one in (first, second)] == ["inside", "outside"] and told["s60"]["similar"] is None
    assert first["compared_by"] == "mean and covariance" and "60 training patients" in first["note"]
    assert first["distance"] == pytest.approx(spread.place(new.iloc[0]).distance)  # as it was before it was written
    assert (third["limit_95"], third["limit_99"]) == pytest.approx(spread.limits["t1",])
    assert third["distance"] == pytest.approx(spread.place(new.iloc[2]).distance) and "2 columns of 4" in third["note"]
    furthest = second["features"][0]
    assert (furthest["feature"], furthest["low"], furthest["high"]) == ("t2__a", X["t2__a"].min(), X["t2__a"].max())
    assert next(of_patient(first)).startswith("Distance from the mean of the training patients: ")
    lacking = Applicability(bundle).of(rows(bundle, new.assign(t1__a=np.nan)))
    assert "lacks a number" in lacking["s60"]["applicability"]["note"]


def test_no_row_of_a_patient_stands_in_mean_and_covariance() -> None:
    X = drawn(25)
    table = training_spread(X, list(X.index))
    kept = table[~table["quantity"].isin(["low", "high", *LIMITS])]["value"].to_numpy()
    assert not np.isin(np.round(X.to_numpy(), 9), np.round(kept, 9)).any()
    assert len(training_spread(drawn(19), list(range(19)))) == 0  # too few to say anything of
