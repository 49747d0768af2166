"""A cohort under small changes: robust features are told from fragile ones, and nothing is computed twice."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from radiofuse.commands.extract import app
from radiofuse.errors import ImageError, RequestError
from radiofuse.extract import PerturbedExtractor, extract_perturbed
from radiofuse.imaging import check_pair, read_pair
from radiofuse.statistics import icc
from radiofuse.store import Block, FeatureStore
from radiofuse.tables.cohort import read_cohort

SIZE = (20, 24, 24)
N = 6


class ThreeNumbers:
    """Volume, mean, and the first voxel: two robust features and one that is noise."""

    label = 1

    def block(self) -> Block:
        return Block.create("numbers", ["volume", "mean", "first"], {})

    def compute(self, pair) -> np.ndarray:
        values = sitk.GetArrayFromImage(pair.image)[sitk.GetArrayFromImage(pair.roi) == 1]
        return np.array([len(values), values.mean(), values[0]])


class Refusing(ThreeNumbers):
    """Refuses regions under a number of voxels."""

    def compute(self, pair) -> np.ndarray:
        values = super().compute(pair)
        if values[0] < 30:
            raise ImageError("roi_too_small", "The region is too small.")
        return values


def write_pair(folder: Path, name: str, radius: float, seed: int) -> tuple[str, str]:
    places = np.moveaxis(np.indices(SIZE), 0, -1) - np.array(SIZE) / 2
    region = (np.linalg.norm(places, axis=-1) < radius).astype(np.uint8)
    voxels = np.random.default_rng(seed).normal(100 + 3 * seed, 20, SIZE).astype(np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(voxels), folder / f"{name}.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(region), folder / f"{name}_mask.nii.gz")
    return f"{name}.nii.gz", f"{name}_mask.nii.gz"


@pytest.fixture(scope="module")
def cohort_file(tmp_path_factory) -> Path:
    """Seven samples of six patients; one has a very small tumor, and is the only one with a second modality."""
    folder = tmp_path_factory.mktemp("cohort")
    rows = []
    for n, radius in enumerate([6.0, 4.0, 5.0, 7.0, 4.5, 5.5]):
        rows.append((f"s{n}", f"p{n % 5}", *write_pair(folder, f"s{n}", radius, n), "", ""))
    small = write_pair(folder, "small", 1.5, 9)
    rows.append(("small", "p9", *small, *small))
    columns = ["sample_id", "patient_id", "t1__image", "t1__mask", "t2__image", "t2__mask"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


@pytest.fixture(scope="module")
def cohort(cohort_file) -> pd.DataFrame:
    return read_cohort(cohort_file)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def measured(cohort, store):
    return extract_perturbed(cohort, Refusing(), store, N, n_jobs=2)


def pair(radius: float = 6.0):
    places = np.moveaxis(np.indices(SIZE), 0, -1) - np.array(SIZE) / 2
    region = (np.linalg.norm(places, axis=-1) < radius).astype(np.uint8)
    voxels = np.random.default_rng(int(radius)).normal(100, 20, SIZE)
    return check_pair(sitk.GetImageFromArray(voxels), sitk.GetImageFromArray(region), label=1)


def test_a_cohort_is_measured_and_a_patient_that_does_not_survive_is_named(measured):
    assert measured.feature_names == ("volume", "mean", "first")
    assert measured.values["t1"].shape == (3, 5, N)  # s5 is a second sample of p0
    assert measured.values["t2"].shape == (3, 0, N)
    failures = measured.extraction.failures
    assert failures[["sample_id", "modality", "code"]].values.tolist() == [
        ["small", "t1", "roi_too_small"],
        ["small", "t2", "roi_too_small"],
    ]
    assert failures["message"].str.fullmatch(r"Perturbation 1 of 6: The region is too small\.").all()


def test_a_second_run_computes_nothing(measured, cohort, store):
    again = extract_perturbed(cohort, Refusing(), FeatureStore(store.root), N)
    assert (measured.extraction.n_computed, again.extraction.n_computed) == (7, 0)  # small is one content, twice
    np.testing.assert_array_equal(measured.values["t1"], again.values["t1"])


def test_a_patients_numbers_do_not_depend_on_company_or_processes(measured, cohort):
    row = cohort.iloc[2]
    alone = PerturbedExtractor(ThreeNumbers(), N).compute(read_pair(row["t1__image"], row["t1__mask"], label=1))
    np.testing.assert_array_equal(measured.values["t1"][:, 2], alone.reshape(N, 3).T)


def test_another_seed_gives_other_numbers():
    first, other = (PerturbedExtractor(ThreeNumbers(), 2, seed=seed).compute(pair()) for seed in (0, 1))
    assert (first[1::3] != other[1::3]).all()


def test_more_perturbations_go_on_where_fewer_ended():
    few, many = (PerturbedExtractor(ThreeNumbers(), n, seed=7).compute(pair()) for n in (2, 4))
    np.testing.assert_array_equal(many[:6], few)
    assert len(np.unique(many[1::3])) == 4


def test_one_perturbation_is_the_same_change_for_every_patient():
    """The change of volume is drawn per perturbation, so it does not tell patients apart."""
    extractor = PerturbedExtractor(ThreeNumbers(), 5)
    volumes = np.array([extractor.compute(pair(radius)).reshape(5, 3)[:, 0] for radius in (5.0, 6.0, 7.0)])
    ratios = volumes / volumes[:, :1]
    assert np.ptp(ratios, axis=1).max() > 0.1
    np.testing.assert_allclose(ratios, np.broadcast_to(ratios[:1], ratios.shape), atol=0.06)


def test_robust_features_are_told_from_fragile_ones(measured):
    volume, mean, first = icc(measured.values["t1"])[0]
    assert min(volume, mean) > 0.9
    assert first < 0.5


def test_an_extractor_travels_without_its_names():
    extractor = PerturbedExtractor(ThreeNumbers(), 500, seed=3)
    block = extractor.block()
    sent = pickle.dumps(extractor)
    assert len(sent) < 1000
    assert pickle.loads(sent).block() == block
    assert block.name != PerturbedExtractor(ThreeNumbers(), 500, seed=4).block().name


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (3, -1)])
def test_what_cannot_be_compared_is_refused(n, seed):
    with pytest.raises(RequestError, match="an ICC compares at least 2"):
        PerturbedExtractor(ThreeNumbers(), n, seed=seed)


def test_the_command_writes_a_table_and_lists_what_failed(cohort_file, tmp_path, monkeypatch):
    pytest.importorskip("radiomics")
    monkeypatch.chdir(tmp_path)
    settings = '{"imageType": {"Original": {}}, "featureClass": {"firstorder": ["Mean", "Energy"]}}'
    (tmp_path / "quick.json").write_text(settings)
    command = [str(cohort_file), "--settings", "quick.json", "--label", "1", "--perturb", "3", "--perturb-out", "i.csv"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "Under 3 perturbations: 7 computed, 1 found in the store, 0 failed" in done.stdout
    assert "features with an ICC of 0.75 or more (6 patients)" in done.stdout
    table = pd.read_csv(tmp_path / "i.csv")
    assert table.columns.tolist() == ["modality", "feature", "icc", "low", "high", "n_patients", "n_perturbations"]
    assert table["feature"].tolist() == ["original_firstorder_Mean", "original_firstorder_Energy"]
    assert (table["low"] <= table["icc"]).all()
    again = CliRunner().invoke(app, command)
    assert "Under 3 perturbations: 0 computed, 8 found in the store" in again.stdout
