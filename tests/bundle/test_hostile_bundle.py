"""Bundles made to do harm: each is refused by name, nothing is written outside, and no code of theirs runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from radiofuse.bundle.built_objects import DamagedModelError
from radiofuse.bundle.format import ARRAYS, MANIFEST, MODEL, PICKLED
from radiofuse.bundle.load import load_bundle, load_model
from radiofuse.bundle.plain_reader import NotTrustedError, from_plain
from radiofuse.bundle.plain_writer import to_plain
from radiofuse.bundle.verify import check_target, find_bundle, verify_bundle
from radiofuse.bundle.write import save_bundle
from radiofuse.errors import BundleError, RequestError
from tests.bundle.golden import a_bundle_with_golden_rows
from tests.bundle.golden import rows as rows_of_golden
from tests.bundle.test_bundle import DESCRIPTION
from tests.bundle_tables import tables_of


class Planted:
    """Leaves a file where it was unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return exec, (f"open({self.path!r}, 'w')",)


@pytest.fixture
def canary(tmp_path):
    """A file that code of a bundle would make."""
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


@pytest.fixture
def saved(tmp_path):
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    told = {"recipe": "x = 1\n", "description": DESCRIPTION, "tables": tables_of()}
    return save_bundle(tmp_path / "bundle", models={"idh": {"fusion": model}}, **told)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return a_bundle_with_golden_rows(tmp_path_factory.mktemp("made"))


@pytest.fixture
def golden(made, tmp_path):
    return shutil.copytree(made, tmp_path / "golden")


def with_manifest(folder, change):
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def rewrite(folder, name, content):
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    with_manifest(folder, lambda manifest: manifest["files"].update({name: digest}))


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", content)
    return made.getvalue()


@pytest.mark.parametrize("name", [MODEL, ARRAYS])
@pytest.mark.parametrize("packed", [lambda content: content, zipped], ids=["pickle", "zip"])
def test_a_pickle_in_place_of_a_model_is_no_model(golden, canary, name, packed):
    rewrite(golden, name, packed(pickle.dumps(Planted(canary))))
    with pytest.raises(BundleError, match="is damaged|does not answer its golden rows"):
        load_bundle(golden)


@pytest.mark.parametrize("name", [MODEL, ARRAYS])
def test_a_bomb_in_place_of_a_model_is_not_unpacked(golden, name):
    rewrite(golden, name, zipped(bytes(10_000_000)))
    with pytest.raises(BundleError, match="is damaged|does not answer its golden rows"):
        load_bundle(golden)


def test_a_pickled_model_needs_to_be_asked_for_whatever_its_manifest_says(saved, canary):
    def say_that_it_is_pickled(manifest):
        manifest["files"] = {name: one for name, one in manifest["files"].items() if name not in (MODEL, ARRAYS)}
        manifest["model"] = {"kept_as": "joblib", "own_code": [], "why": "harmless"}

    for name in (MODEL, ARRAYS):
        (saved / name).unlink()
    rewrite(saved, PICKLED, pickle.dumps(Planted(canary)))
    with_manifest(saved, say_that_it_is_pickled)
    for trust in ((), ["brain_command", "sklearn.linear_model:LogisticRegression"]):
        with pytest.raises(BundleError, match=r"its model is pickled Python.*NAME is one of joblib\."):
            load_bundle(saved, trust=trust)
        with pytest.raises(BundleError, match="its model is pickled Python"):
            load_model(saved, trust=trust)


@pytest.mark.parametrize(
    "name", ["../outside.csv", "/etc/passwd", "encoders/../../x.json", "C:\\x.csv", "a\0b", "x" * 999]
)
def test_a_manifest_that_names_a_place_elsewhere_is_refused(saved, tmp_path, name):
    (tmp_path / "outside.csv").write_text("mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    with_manifest(saved, lambda manifest: manifest["files"].update({name: digest}))
    with pytest.raises(BundleError, match="is listed and does not belong there"):
        load_bundle(saved)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "outside.csv"]


def test_a_link_a_pipe_and_a_linked_folder_are_refused_unread(saved, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_bytes((saved / "scores.csv").read_bytes())
    (saved / "scores.csv").unlink()
    (saved / "scores.csv").symlink_to(outside)
    with pytest.raises(BundleError, match=r"scores\.csv is a link or no file"):
        load_bundle(saved)
    (saved / "scores.csv").unlink()
    os.mkfifo(saved / "scores.csv")  # reading it would wait for ever
    with pytest.raises(BundleError, match=r"scores\.csv is a link or no file"):
        load_bundle(saved)
    (saved / "scores.csv").unlink()
    (saved / "encoders").symlink_to(tmp_path)
    with pytest.raises(BundleError, match="encoders is a link or no file"):
        load_bundle(saved)


@pytest.mark.parametrize(
    "record",
    [
        ["instance", "subprocess:Popen", [["args", "true"]]],
        ["instance", "radiofuse.bundle.load:Bundle", []],
        ["class", "os:system"],
        ["function", "os:system"],
        ["enum", "signal:Signals", "SIGKILL"],
        ["built", "builtins:exec", [], None],
        ["built", "sklearn.linear_model._logistic:LogisticRegression", [], None],
    ],
)
def test_a_model_file_that_names_another_class_is_refused_before_anything_is_imported(record):
    with pytest.raises(NotTrustedError):
        from_plain([record], b"")


@pytest.mark.parametrize(
    "records",
    [
        [],
        [["list", [[0]]]],  # itself
        [["list", [[7]]]],
        [["nothing", 1]],
        [["array", "|O", [1], "C", 0]],
        [["array", "<f8", [10**12], "C", 0]],
        [["array", "<f8", [-1], "C", 0]],
        [["array", "<f8", [1], "C", -8]],
        [["instance", "sklearn.linear_model._logistic:LogisticRegression", [["__class__", 1]]]],
        [["index", None, "object); import os", None]],
        [["tuple", 5]],
        [5],
        "text",
    ],
)
def test_records_of_another_shape_are_a_damaged_model(records):
    with pytest.raises(DamagedModelError):
        from_plain(records, bytes(16))


@pytest.mark.parametrize(("part", "value"), [("left_child", 10**6), ("right_child", 0), ("feature", 10**6)])
def test_a_tree_that_leads_out_of_its_memory_is_not_made(part, value):
    X = np.arange(40.0).reshape(20, 2)
    plain = to_plain(RandomForestClassifier(2, random_state=0).fit(X, np.arange(20) % 2))
    place = next(at for at, one in enumerate(plain.records) if one[0] == "array" and part in str(one[1]))
    descr, shape, _, start = plain.records[place][1:]
    dtype = np.dtype([tuple(one) for one in descr])
    nodes = np.frombuffer(plain.content, dtype, shape[0], start).copy()
    nodes[part][0] = value
    plain.content[start : start + nodes.nbytes] = nodes.tobytes()
    with pytest.raises(DamagedModelError, match="does not hold"):
        from_plain(plain.records, bytes(plain.content))


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (RandomForestClassifier(2, random_state=0), "n_features_in_", 1),
        (GradientBoostingClassifier(n_estimators=2), "n_features_in_", 1),
        (HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2), "n_features_in_", 0),
        (DecisionTreeClassifier(), "n_features_in_", 1),
        (SVC(), "_n_support", np.array([5, 500], dtype=np.int32)),
        (SVC(), "_dual_coef_", np.zeros((1, 1))),
        (SVC(), "support_vectors_", np.zeros((1, 1))),
    ],
)
def test_parts_that_do_not_fit_each_other_are_not_made_and_those_that_do_answer_the_same(model, name, value):
    X = np.arange(40.0).reshape(20, 2)
    model = clone(model).fit(X, np.arange(20) % 2)
    plain = to_plain(model)
    (*_, again) = from_plain(plain.records, bytes(plain.content))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    setattr(model, name, value)
    plain = to_plain(model)
    with pytest.raises(DamagedModelError, match="does not hold"):
        from_plain(plain.records, bytes(plain.content))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"images": {"brain_command": "touch {image} {brain}"}}, "brain_command"),
        ({"radiomics": {"name": "x", "backend": "os:system"}}, "os:system"),
    ],
)
def test_programs_and_classes_that_a_description_names_wait_for_a_word(tmp_path, settings, name):
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    told = {"recipe": "", "description": DESCRIPTION | {"settings": settings}, "tables": tables_of()}
    folder = save_bundle(tmp_path / "bundle", models={"idh": {"fusion": model}}, **told)
    with pytest.raises(BundleError, match=rf"NAME is one of {name}\."):
        load_bundle(folder)
    assert load_bundle(folder, trust=[name]).model.predict_proba([[0.3]]).shape == (1, 2)


@pytest.mark.parametrize("encoder", ["subprocess:Popen", "torchscript", np.str_("os:system")])
def test_encoders_that_a_model_names_wait_for_a_word(tmp_path, encoder):
    told = {"recipe": "", "description": DESCRIPTION, "tables": tables_of()}
    folder = save_bundle(tmp_path / "bundle", models={"idh": {"m": {"card": {"encoder": encoder}}}}, **told)
    with pytest.raises(BundleError, match=f"NAME is one of {encoder}"):
        load_bundle(folder)


def test_texts_that_a_page_or_a_spreadsheet_would_run_come_back_as_they_were(tmp_path):
    hostile = ["<script>alert(1)</script>", "=1+1", '"><img onerror=x>', "'; DROP", "$\\frac{a$", "../../x"]
    told = {"recipe": "", "description": DESCRIPTION, "tables": tables_of(hostile)}
    model = {text: LogisticRegression().fit(pd.DataFrame({text: [0.0, 1.0]}), [0, 1]) for text in hostile}
    folder = save_bundle(tmp_path / "bundle", models={"idh": model}, **told)
    loaded = load_bundle(folder).models["idh"]
    assert list(loaded) == hostile
    assert [one.feature_names_in_.tolist() for one in loaded.values()] == [[text] for text in hostile]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]
    assert "\n=1+1" not in (folder / "predictions.csv").read_text()


def test_a_model_that_answers_otherwise_than_its_golden_rows_is_refused(golden):
    folder = golden
    rows = json.loads((folder / MANIFEST).read_text())["golden"]["rows"]
    assert rows[-1][:2] == [None, None] and None not in rows[0]  # a modality is absent in the last one
    own = {tuple(row) for row in rows_of_golden().round(6).to_numpy().tolist()}
    assert not own & {tuple(row) for row in rows}
    assert load_model(folder).predict_proba(rows_of_golden()).shape == (24, 2)

    def answer_otherwise(manifest):
        manifest["golden"]["answers"]["idh"]["fusion"][0][0] += 2e-6

    with_manifest(folder, answer_otherwise)
    with pytest.raises(BundleError, match=r"golden rows .* row 1: .* versions of the packages are the same"):
        load_bundle(folder)
    with_manifest(folder, lambda manifest: manifest["environment"]["packages"].update({"scikit-learn": "1.8.0"}))
    with (
        pytest.warns(UserWarning, match=r"scikit-learn 1\.8\.0"),
        pytest.raises(BundleError, match=r"made with scikit-learn 1\.8\.0; here .* Install those"),
    ):
        load_bundle(folder)


def test_joblib_is_written_for_those_who_ask_and_answers_the_same(golden, tmp_path, caplog):
    pickled = a_bundle_with_golden_rows(tmp_path / "pickled", pickled=True)
    kept = json.loads((pickled / MANIFEST).read_text())["model"]
    assert kept == {"kept_as": "joblib", "own_code": [], "why": "asked for"}
    with pytest.raises(BundleError, match="NAME is one of joblib"):
        load_model(pickled)
    X = rows_of_golden()
    answers = [load_model(golden), load_model(pickled, outcome="idh", name="fusion", trust=["joblib"])]
    np.testing.assert_array_equal(*(one.predict_proba(X) for one in answers))
    assert caplog.text == ""
    with pytest.raises(RequestError, match=r"no model 'fusio'; it has fusion\. Did you mean 'fusion'\?"):
        load_model(golden, name="fusio")


def test_what_arrays_cannot_hold_is_pickled_and_said(tmp_path, caplog):
    told = {"recipe": "", "description": DESCRIPTION, "tables": tables_of()}
    model = KNeighborsClassifier(1, algorithm="kd_tree").fit([[0.0], [1.0]], [0, 1])
    folder = save_bundle(tmp_path / "bundle", models={"idh": {"m": model}}, **told)
    assert "KDTree, whose state only its own code knows: it is pickled into model.joblib" in caplog.text
    assert (folder / PICKLED).is_file() and not (folder / MODEL).exists()
    assert "`--trust`" in (folder / "card.md").read_text()
    assert load_bundle(folder, trust=["joblib"]).model.predict([[0.9]]).tolist() == [1]


HEADS = {  # of bundle.json in bundles of every earlier format, and the file that listed their checksums
    None: {"title": "Before schemas", "label": "idh"},
    **{schema: {"schema": schema, "title": f"Format {schema}"} for schema in range(1, 9)},
}


@pytest.mark.parametrize("schema", HEADS)
def test_bundles_of_every_earlier_format_are_refused_by_name_with_the_next_step_and_may_be_replaced(tmp_path, schema):
    folder = tmp_path / "bundle"
    folder.mkdir()
    old = {"bundle.json": json.dumps(HEADS[schema]), "model.joblib": "no model", "recipe.toml": "x = 1\n"}
    old |= {"environment.json": "{}", "card.md": "# A card\n", "scores.csv": "model,metric,value\n"}
    for name, text in old.items():
        (folder / name).write_text(text)
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in old.items()}
    (folder / "checksums.json").write_text(json.dumps(digests))
    for read in (load_bundle, verify_bundle, load_model):
        with pytest.raises(BundleError, match=r"reads schema 10\. Run its recipe\.toml again: the store still has"):
            read(folder)
    assert find_bundle(tmp_path) == folder
    check_target(folder)
