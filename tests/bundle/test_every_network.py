"""Networks of every kind are written and read again, and answer made-up pictures as when they were written, or not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "deep"))

from safetensors.torch import load_file, save_file  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from tiny_crops import TINY, TRAINING, labels, make_crops  # noqa: E402
from tiny_volumes import SIDE, SIZES, outcomes_of, read_pictures, write_cohort  # noqa: E402

from radiofuse.bundle.format import ENCODERS, MANIFEST, MODEL  # noqa: E402
from radiofuse.bundle.keyed_pictures import rows_seen_by  # noqa: E402
from radiofuse.bundle.load import Bundle  # noqa: E402
from radiofuse.bundle.share import share_bundle  # noqa: E402
from radiofuse.bundle.training_ranges import training_ranges  # noqa: E402
from radiofuse.bundle.write import save_bundle  # noqa: E402
from radiofuse.deep import CropClassifier, CropEncoder, ImageFusion, MultiTaskNetwork  # noqa: E402
from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.estimators.embedded_rows import embedded_rows  # noqa: E402
from radiofuse.deep.fusion.choices import FUSIONS  # noqa: E402
from radiofuse.errors import BundleError  # noqa: E402
from radiofuse.files.outputs import sha256_of  # noqa: E402
from radiofuse.fuse import LateFusion, attached, holders  # noqa: E402
from radiofuse.fuse.joint import JointModel, OneOutcome  # noqa: E402
from radiofuse.fuse.named import Named  # noqa: E402
from radiofuse.patients.pseudonyms import Pseudonyms  # noqa: E402
from tests.bundle.test_bundle import DESCRIPTION  # noqa: E402
from tests.bundle_tables import tables_of  # noqa: E402
from tests.trusting import load_bundle  # noqa: E402

pytestmark = pytest.mark.usefixtures("tiny_encoder")
SMALL = {"width": 8, "scorer": 4, "head": (4,), "training": TRAINING | {"epochs": 1}, "random_state": 0}
SHELF = {  # options that make encoders small
    "vgg16_attention": {"width": 0.0625},
    "mobilenet_v2": {"width": 0.25},
    "pixels": {"size": 32},
    "resnet18": {"width": 0.125},
    "densenet121": {"width": 0.125},
    "efficientnet_b2": {"width": 0.25},
    TINY: {},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Crops of two modalities with radiomic and clinical columns beside them."""
    folder = tmp_path_factory.mktemp("networks")
    crops = make_crops(folder, n=10, modalities=("t1", "flair"), signal=2.0, size=32)
    X, rng = crops.pointer_table(), np.random.default_rng(0)
    told = {f"{name}__{what}": rng.normal(size=len(X)) for name in ("t1", "flair") for what in ("a", "b")}
    return crops, X.assign(**told, clinical__age=rng.normal(50, 9, len(X))), folder


def write(folder: Path, models: dict, X: pd.DataFrame, settings: dict, **about_patients) -> Path:
    about = {"crops": None, "pictures": None, **settings}
    outcomes = [DESCRIPTION["outcomes"][0] | {"name": name} for name in models]
    description = DESCRIPTION | {"columns": list(X), "settings": about, "outcomes": outcomes, **about_patients}
    empty = {name: table.iloc[:0] for name, table in tables_of().items()} | {"training_ranges": training_ranges(X)}
    return save_bundle(folder / "bundle", models=models, recipe="", description=description, tables=empty)


def golden_of(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())["golden"]


def changed(folder: Path, by: float) -> Path:
    """Move the weights of one network, with card, model and checksums as if they had been so from the beginning."""
    weights = min((folder / ENCODERS).glob("*.safetensors"))
    card = weights.with_suffix(".json")
    before = {path: sha256_of(path) for path in (weights, card, folder / MODEL)}
    save_file({name: one + by if one.is_floating_point() else one for name, one in load_file(weights).items()}, weights)
    for path, of in ((card, weights), (folder / MODEL, weights), *((folder / MANIFEST, one) for one in before)):
        text = path.read_text()
        assert before[of] in text
        path.write_text(text.replace(before[of], sha256_of(of)))
    return folder


def as_before(folder: Path, models: dict, X: pd.DataFrame, crops, cache: Path) -> Bundle:
    """Return the bundle that was read, whose models answer new pictures as those that were written."""
    loaded = load_bundle(folder)
    for outcome, own in models.items():
        for name, model in own.items():
            there, here = (attached(one, crops=crops, cache=cache) for one in (loaded.models[outcome][name], model))
            pd.testing.assert_frame_equal(there.predict_proba_each(X), here.predict_proba_each(X))
    return loaded


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_of_images(study, fusion, tmp_path):
    crops, X, folder = study
    encoder = {"crops": crops, "cache": folder, "clinical": True}
    network = ImageFusion("vgg16_attention", fusion=fusion, options={"width": 0.0625}, **encoder, **SMALL)
    models = {"idh": {"network": Named(network, "network").fit(X, labels(X))}}
    bundle = write(tmp_path, models, X, {"crops": {"size": 32, "slices": 2, "max_slices": 32}})
    golden = golden_of(bundle)
    assert (golden["why_none"], golden["pictures"]["side"], golden["pictures"]["n"]) == ("", 32, 2)
    told = np.array(golden["answers"]["idh"]["network"], dtype=float)
    assert told.shape == (4, 1) and len(np.unique(told)) == 4 and ((told > 0.001) & (told < 0.999)).all()
    new = make_crops(tmp_path, n=3, modalities=("t1", "flair"), size=32, seed=5, names="n")
    rows = new.pointer_table().reindex(columns=X.columns, fill_value=0.5)
    as_before(bundle, models, rows, new, tmp_path / "cache")


@pytest.mark.parametrize("name", SHELF)
def test_encoders_as_members_and_features_and_one_of_a_user(study, name, tmp_path):
    if name in ("resnet18", "densenet121", "efficientnet_b2"):
        pytest.importorskip("monai")
    crops, X, folder = study
    options = {"options": SHELF[name], "crops": crops, "cache": folder, "random_state": 0}
    member = CropClassifier(name, training=TRAINING | {"epochs": 1}, **options)
    models = {"idh": {"fusion": LateFusion([("t1", member)], columns={"t1": ["t1__crop"]}).fit(X, labels(X))}}
    bundle = write(tmp_path, models, X[["t1__crop"]], {"crops": {"size": 32, "slices": 2, "max_slices": 32}})
    assert golden_of(bundle)["why_none"] == ""
    new = make_crops(tmp_path, n=3, size=32, seed=5, names="n")
    as_before(bundle, models, new.pointer_table(), new, tmp_path / "cache")


def test_embeddings_as_features_and_weights_that_answer_otherwise(study, tmp_path):
    crops, X, folder = study
    options = {"crops": crops, "cache": folder, "training": TRAINING | {"epochs": 1}, "random_state": 0}
    encoder = CropEncoder("vgg16_attention", options={"width": 0.0625}, cv=2, aggregate="attention", **options)
    chain = make_pipeline(encoder, SimpleImputer(), LogisticRegression())
    X = X[["t1__crop", "t1__a"]]
    models = {"idh": {"fusion": LateFusion([("t1", chain)]).fit(X, labels(X))}}
    bundle = write(tmp_path, models, X, {"crops": {"size": 32, "slices": "all", "max_slices": 32}})
    load_bundle(bundle)
    load_bundle(changed(bundle, 1e-9))  # what another processor may do
    hostile, text = bundle / MANIFEST, (bundle / MANIFEST).read_text()
    hostile.write_text(text.replace('"side": 32', '"side": 90000'))
    with pytest.raises(BundleError, match="they name pictures that its networks are not asked about"):
        load_bundle(bundle)
    hostile.write_text(text)
    with pytest.raises(BundleError, match=r"golden rows as when it was made: t1 of idh|fusion of idh: row 1"):
        load_bundle(changed(bundle, 0.01))


@pytest.mark.parametrize("whole", [0, SIDE])
def test_a_network_of_several_outcomes_and_whole_volumes_beside_patches(tmp_path, whole):
    table = write_cohort(tmp_path / "cohort", 8)
    crops = read_pictures(table, tmp_path / "store", whole=whole)
    X, given = crops.pointer_table(), {"crops": crops, "cache": tmp_path / "store", "random_state": 0}
    network = MultiTaskNetwork(
        whole=bool(whole), over="image", training=TRAINING | {"epochs": 1}, options=SIZES, **given
    )
    joint = JointModel(network, "together", subsets=True).fit(X, outcomes_of(table, X.index))
    models = {name: {"together": OneOutcome(joint, name)} for name in ("idh", "codel")}
    made = {"kind": "patch", "size": SIDE, "parts": True, **({"whole": whole} if whole else {})}
    pictures = {"pictures": {"made": made, "channels": {"t1": ["t1"], "flair": ["flair"]}}}
    bundle = write(tmp_path, models, X, pictures)
    golden = golden_of(bundle)
    assert golden["pictures"]["dimensions"] == 3 and golden["pictures"]["whole"] is bool(whole)
    assert set(golden["answers"]) == {"idh", "codel"} and len(golden["answers"]["codel"]["together"][0]) == 3
    for network in holders(load_bundle(bundle).models["idh"]):
        assert network.crops is None and network.cache is None  # nothing of the check is kept
    with pytest.raises(BundleError, match="does not answer its golden rows"):
        load_bundle(changed(bundle, 0.01))


def test_a_network_without_an_answer_to_made_up_pictures_is_kept_and_why_is_said(study, tmp_path):
    crops, X, folder = study
    given = {"crops": crops, "cache": folder, "training": TRAINING | {"epochs": 1}, "random_state": 0}
    model = Named(CropClassifier(TINY, **given), "network").fit(X[["t1__crop"]], labels(X))
    other = {"crops": {"size": 2, "slices": 1, "max_slices": 32}}
    bundle = write(tmp_path, {"idh": {"network": model}}, X[["t1__crop"]], other)
    assert "have no answer to rows made from ranges" in golden_of(bundle)["why_none"]
    load_bundle(bundle)


KEY = Pseudonyms(b"a key of the maker's own")


def test_a_bundle_with_networks_is_shared_without_ids_digests_and_labels_of_its_patients(study, tmp_path):
    crops, X, folder = study
    told = {"crops": crops, "cache": folder, "training": TRAINING | {"epochs": 1}, "random_state": 0}
    network = {"options": {"width": 0.0625}, **told}
    chain = make_pipeline(CropEncoder("vgg16_attention", cv=2, **network), SimpleImputer(), LogisticRegression())
    members = [("t1", chain), ("flair", CropClassifier("vgg16_attention", **network))]
    models = {"idh": {"fusion": LateFusion(members, columns={"flair": ["flair__crop"]}).fit(X, labels(X))}}
    untested = {"untested_patients": {name: name for name in X.index}}
    home = write(tmp_path, models, X, {"crops": {"size": 32, "slices": 2, "max_slices": 32}}, **untested)
    fitted = (one for one in holders(*load_bundle(home).models.values()) if hasattr(one, "encoder_"))
    cards = [one.encoder_.card for one in fitted]
    shared = share_bundle(load_bundle(home), tmp_path / "shared", KEY)
    told = b"".join(path.read_bytes() for path in shared.rglob("*") if path.is_file()).decode("latin-1")
    assert len(list((shared / ENCODERS).iterdir())) == 4
    for card in cards:
        hidden = ["rows", "sample_ids", "labels", "patients"]
        digests = [*card["training_keys"], *card["training_pixels"], card["key"], *(card["inputs"][n] for n in hidden)]
        assert digests and not [one for one in [*digests, *card["training_ids"]] if f'"{one}"' in told]
    new = make_crops(tmp_path, n=3, modalities=("t1", "flair"), size=32, seed=5, names="n")
    rows = new.pointer_table().reindex(columns=X.columns, fill_value=0.5)
    as_before(shared, models, rows, new, tmp_path / "cache")
    networks = holders(*load_bundle(shared).models.values())
    assert set(rows_seen_by(networks, crops, KEY)) == set(range(20))  # by their names
    assert rows_seen_by(networks, crops, KEY)[0].startswith("Sample s00 (t1) is one that")
    other = make_crops(tmp_path / "other", n=10, modalities=("t1", "flair"), signal=2.0, size=32, names="n")
    assert set(rows_seen_by(networks, other, KEY)) == set(range(20))  # by their pixels
    assert rows_seen_by(networks, crops, None) == rows_seen_by(networks, other, None) == {}


def test_labels_by_patient_and_places_of_weights_leave_a_card(study):
    crops, X, folder = study
    options = {"crops": crops, "cache": folder, "training": TRAINING | {"epochs": 1}, "random_state": 0}
    model = CropClassifier("vgg16_attention", options={"width": 0.0625}, **options).fit(X[["t1__crop"]], labels(X))
    model.encoder_.card["inputs"]["tasks"] = {"known": [[0.0], [1.0]]}
    model.options = {"weights": "/home/anna/P7/net.pth"}
    shared = model.keyed(KEY)
    assert "tasks" not in shared.encoder_.card["inputs"] and shared.options == {"weights": "net.pth"}
    assert shared.encoder_.version_warning() == "" and model.options["weights"].startswith("/home")


def test_a_network_of_ones_own_is_not_shared_since_nobody_knows_what_it_keeps(study, tmp_path):
    crops, X, folder = study
    given = {"crops": crops, "cache": folder, "training": TRAINING | {"epochs": 1}, "random_state": 0}
    model = Named(CropClassifier(TINY, **given), "network").fit(X[["t1__crop"]], labels(X))
    home = write(tmp_path, {"idh": {"network": model}}, X[["t1__crop"]], {"crops": {"size": 32, "slices": 1}})
    with pytest.raises(BundleError, match="hold tiny_encoder:Tiny, a network of which nobody here knows"):
        share_bundle(load_bundle(home), tmp_path / "shared", KEY)
    assert not (tmp_path / "shared").exists()


def test_embeddings_of_networks_are_compared_and_one_with_the_same_weights_once(study):
    crops, X, folder = study
    given = {"crops": crops, "cache": folder, "training": TRAINING | {"epochs": 1}, "random_state": 0}
    member = CropClassifier("vgg16_attention", options={"width": 0.0625}, **given).fit(X[["t1__crop"]], labels(X))
    joined = ImageFusion("vgg16_attention", options={"width": 0.0625}, **given | SMALL).fit(X, labels(X))
    X = X.copy()
    X.loc["s03", "t1__crop"] = np.nan
    table = embedded_rows([CropClassifier("vgg16_attention", **given), member, member, joined], X)
    assert {name.rpartition("_")[0] for name in table} == {"t1__network1", "t1flair__network2"}
    there = X["t1__crop"].dropna().astype(int)
    own = EncoderCache(folder).embeddings(member.encoder_, crops, there.tolist(), device="cpu")
    n_axes = member.encoder_.card["embedding_dim"]
    np.testing.assert_array_equal(table.loc[there.index].iloc[:, :n_axes], own[:, :n_axes])
    assert table.loc["s03"].iloc[:n_axes].isna().all() and table.loc["s03"].iloc[n_axes:].notna().all()
