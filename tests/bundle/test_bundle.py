"""Bundles: whole or refused, replaced in one step, and never unpickled when damaged."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiofuse.bundle.format import ARRAYS, FILES, MANIFEST, MODEL, SCHEMA, TABLES
from radiofuse.bundle.load import BundleVersionWarning, load_bundle
from radiofuse.bundle.read import read_description, read_table
from radiofuse.bundle.verify import check_target, verify_bundle
from radiofuse.bundle.write import save_bundle
from radiofuse.errors import BundleError
from radiofuse.work.environment import read_environment, version_differences
from tests.bundle_tables import tables_of

SCORES = list(TABLES["scores"].columns)
DESCRIPTION = {
    "title": "A test",
    "outcomes": [{"name": "idh", "kind": "binary", "classes": ["0", "1"], "ordered": False}],
    "modalities": ["t1"],
    "synthetic": True,
    "radiofuse_version": "0",
    "as_published": [],
    "warnings": ["small"],
    "protocol": {"selector": "none", "classifier": "logistic", "primary": "mean", "repeats": 1, "folds": 5},
}


@pytest.fixture
def saved(tmp_path):
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    return save_bundle(
        tmp_path / "bundle",
        models={"idh": {"fusion": model}},
        recipe="x = 1\n",
        description=DESCRIPTION,
        tables=tables_of(),
    )


def test_a_bundle_comes_back_as_it_was(saved):
    bundle = load_bundle(saved)
    assert bundle.model.predict_proba([[0.3]]).shape == (1, 2)
    assert bundle.description["title"] == "A test"
    assert sorted(path.name for path in saved.iterdir()) == sorted([*FILES, MANIFEST])
    assert "synthetic data" in (saved / "card.md").read_text()


def test_tables_keep_ids_as_text_and_numbers_to_the_last_bit(saved):
    table = read_table(saved, "predictions")
    assert list(table["sample_id"]) == ["007", "NA"]
    assert table["probability"].iloc[1] == 1 / 3


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_refused(saved, name):
    path = saved / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} has changed"):
        load_bundle(saved)


def test_missing_extra_and_foreign_folders_are_refused(saved, tmp_path):
    (saved / "notes.txt").write_text("hello")
    with pytest.raises(BundleError, match="notes.txt does not belong there"):
        load_bundle(saved)
    (saved / "notes.txt").unlink()
    (saved / "scores.csv").unlink()
    with pytest.raises(BundleError, match=r"scores.csv is missing"):
        load_bundle(saved)
    (tmp_path / "empty").mkdir()
    (tmp_path / "recipe.toml").touch()
    for no_bundle in ("empty", "recipe.toml", "nowhere"):
        with pytest.raises(BundleError, match="is not a bundle"):
            load_bundle(tmp_path / no_bundle)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "._scores.csv"])
def test_what_a_file_browser_leaves_in_a_bundle_changes_nothing(saved, name):
    (saved / name).write_bytes(b"view")
    verify_bundle(saved)
    check_target(saved)


def test_a_planted_pickle_never_runs(saved, tmp_path):
    import joblib

    class Planted:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    for name in (MODEL, ARRAYS, "model.joblib"):
        joblib.dump(Planted(), saved / name)
        rewrite(saved, name, (saved / name).read_bytes())
        with pytest.raises(BundleError, match="is damaged|does not belong there"):
            load_bundle(saved, trust=["joblib"])
    assert not (tmp_path / "ran").exists()


def test_another_version_is_said_by_name(saved):
    here = read_environment()
    made = {**here, "packages": {**here["packages"], "scikit-learn": "0.1.0"}}
    assert version_differences(made, here)[0].startswith("The bundle was made with scikit-learn 0.1.0; here ")
    assert version_differences(here, here) == []


def make_with(saved, package, version):
    """Let a bundle say that it was made with another version."""
    content = json.loads((saved / MANIFEST).read_text())
    content["environment"]["packages"][package] = version
    (saved / MANIFEST).write_text(json.dumps(content))


def test_loading_warns_of_other_versions(saved):
    make_with(saved, "numpy", "1.26.4")
    with pytest.warns(BundleVersionWarning, match=r"numpy 1\.26\.4"):
        load_bundle(saved)


def test_a_bundle_made_before_the_lowest_supported_scikit_learn_is_refused_by_name(saved):
    make_with(saved, "scikit-learn", "1.7.2")
    with pytest.raises(BundleError, match=r"made with scikit-learn 1\.7\.2, whose models those from 1\.8 on cannot"):
        load_bundle(saved)


def test_an_earlier_bundle_is_replaced_and_anything_else_is_not(saved, tmp_path):
    tables = tables_of()
    save_bundle(saved, models={}, recipe="x = 2\n", description=DESCRIPTION, tables=tables)
    assert (saved / "recipe.toml").read_text() == "x = 2\n"
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.tex").write_text("important")
    with pytest.raises(BundleError, match="is no bundle"):
        save_bundle(other, models={}, recipe="", description=DESCRIPTION, tables=tables)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["notes.txt", "encoders/mine.txt"])
def test_a_file_added_to_a_bundle_is_never_deleted(saved, name):
    (saved / name).parent.mkdir(exist_ok=True)
    (saved / name).write_text("mine")
    with pytest.raises(BundleError, match=name):
        check_target(saved)
    assert (saved / name).read_text() == "mine"


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"chapter1.tex": "0"}', '{"files": {"chapter1.tex": "0"}}'])
def test_checksums_of_others_make_no_bundle(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=MANIFEST):
        check_target(tmp_path)


def rewrite(saved, name, content):
    """Put other bytes into a file of a bundle, and their checksum with them."""
    (saved / name).write_bytes(content)
    manifest = json.loads((saved / MANIFEST).read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (saved / MANIFEST).write_text(json.dumps(manifest))


def test_a_bundle_from_before_its_classes_moved_says_to_run_its_recipe_again(saved):
    about = json.loads((saved / "bundle.json").read_text())
    once = (saved / MODEL).read_text().replace("sklearn.linear_model._logistic:", "radiofuse.pipeline:")
    rewrite(saved, MODEL, once.encode())
    with pytest.raises(BundleError, match=r"holds radiofuse\.pipeline:Log.*not know\. Run its recipe\.toml again"):
        load_bundle(saved)
    rewrite(saved, "bundle.json", json.dumps(about | {"schema": SCHEMA - 1}).encode())
    manifest = json.loads((saved / MANIFEST).read_text())
    (saved / MANIFEST).write_text(json.dumps(manifest | {"format": SCHEMA - 1}))
    (saved / "published.csv").unlink()  # an older version may have written fewer files
    for read, file in ((load_bundle, MANIFEST), (verify_bundle, MANIFEST), (read_description, "bundle.json")):
        with pytest.raises(BundleError) as refused:
            read(saved)
        assert str(refused.value) == (
            f"{file} has schema {SCHEMA - 1}; this version of radiofuse reads schema {SCHEMA}. Run its "
            "recipe.toml again: the store still has the features, only the folds are computed again."
        )
    check_target(saved)  # the new run may take its place


def test_a_bundle_whose_networks_are_of_an_earlier_version_says_so_and_what_to_do(saved):
    about = json.loads((saved / "bundle.json").read_text())
    earlier = {"encoder": "san10_small", "join": "columns", "output": "embedding", "protocol": "crossfit", "folds": 5}
    earlier |= {"size": 72, "slices": 1, "training": {}, "device": "auto"}
    about["protocol"]["deep"] = earlier
    rewrite(saved, "bundle.json", json.dumps(about).encode())
    rewrite(saved, MODEL, b"no pickle")  # refused before it is opened
    for read in (load_bundle, read_description):
        with pytest.raises(BundleError) as refused:
            read(saved)
        assert str(refused.value).startswith(
            "bundle.json was written by an earlier version of radiofuse 0, whose networks had no options, channels"
        )
        assert "Run its recipe.toml again: the store still has the features" in str(refused.value)


@pytest.mark.parametrize("columns", [["a", "b"], [*SCORES, "kappa"], SCORES[1:]])
def test_a_table_with_columns_that_the_format_does_not_name_is_not_written(tmp_path, columns):
    tables = tables_of() | {"scores": pd.DataFrame(columns=columns)}
    with pytest.raises(
        BundleError, match="The table scores has the columns .* a bundle's has outcome, model, class, metric, value"
    ):
        save_bundle(tmp_path / "b", models={}, recipe="", description=DESCRIPTION, tables=tables)
    assert list(tmp_path.iterdir()) == []


def test_columns_come_back_as_the_kinds_that_the_format_names(saved):
    for name, written in tables_of().items():
        pd.testing.assert_frame_equal(read_table(saved, name), written)
    path = saved / "scores.csv"
    path.write_text(path.read_text().replace(",1,1\n", ",,NA\n"))
    assert read_table(saved, "scores")["n_patients"].isna().tolist() == [False, True]
    path.write_text(path.read_text().replace(",,NA\n", ",,many\n"))
    with pytest.raises(BundleError, match="scores.csv cannot be read .*many"):
        read_table(saved, "scores")


def test_a_model_whose_own_code_is_not_here_asks_for_it(tmp_path, monkeypatch):
    (tmp_path / "own_classifier.py").write_text(
        "from sklearn.linear_model import LogisticRegression\nclass Own(LogisticRegression): pass\n"
    )
    with monkeypatch.context() as path:
        path.syspath_prepend(tmp_path)
        model = importlib.import_module("own_classifier").Own()
        folder = save_bundle(
            tmp_path / "b", models={"idh": {"fusion": model}}, recipe="", description=DESCRIPTION, tables=tables_of()
        )
    monkeypatch.delitem(sys.modules, "own_classifier")
    with pytest.raises(BundleError, match=r"its model holds the class own_classifier:Own\. Whom you trust"):
        load_bundle(folder)
    with pytest.raises(BundleError, match=r"No module named 'own_classifier'.*PYTHONPATH"):
        load_bundle(folder, trust=["own_classifier:Own"])


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("bundle.json", "[1]", "entries by name was expected"),
        ("bundle.json", "{}", "has schema None"),
    ],
)
def test_json_of_another_shape_is_refused_in_a_sentence(saved, file, content, said):
    rewrite(saved, file, content.encode())
    with pytest.raises(BundleError, match=said):
        load_bundle(saved)


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"outcome": "idh"}, "bundle.json, outcome"),
        ({"protocol": {"chance": 7}}, "bundle.json, protocol, chance"),
        ({"settings": {"crops": {"size": 72, "sides": 2}}}, "bundle.json, settings, crops, sides"),
    ],
)
def test_an_entry_that_the_format_does_not_name_is_not_written(tmp_path, entry, place):
    with pytest.raises(BundleError, match=f"names no {place}\\."):
        save_bundle(tmp_path / "bundle", models={}, recipe="", description=DESCRIPTION | entry, tables=tables_of())
    assert not (tmp_path / "bundle").exists()


def test_options_and_names_of_whatever_kind_are_written(tmp_path):
    open_to_all = {"protocol": {"selector_options": {"alpha": 0.1}, "options": {"models": {"mean": {"cv": 5}}}}}
    description = DESCRIPTION | {**open_to_all, "n_features": {"t1": 107}}
    description["protocol"] = {**DESCRIPTION["protocol"], **open_to_all["protocol"]}
    saved = save_bundle(tmp_path / "bundle", models={}, recipe="", description=description, tables=tables_of())
    assert read_description(saved)["protocol"]["options"]["models"]["mean"] == {"cv": 5}
