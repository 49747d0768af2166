"""Does a bundle know a patient unlike those of training? Held-back patients, shifted copies of them, other tumors.

Run as ``RADIOFUSE_DATA=/path python benchmarks/applicability.py [folder]``, with the folder of ``brats20_tcga_roi`` and
``sts_ibsi_validation``; features and spectra are kept in the other folder. In every one of five folds the models of
``pipelines/idh_tcga.toml`` are fitted on the patients of the others, and limits too; those held back are then compared
in the columns that were chosen, as they are and as copies with another gain, blurred, with noise, and of slices three
times as thick. Soft tissue sarcomas share T1 alone. Printed are the shares inside, at the edge and outside by features,
by mean and covariance of these alone, as a bundle for handing on has them, by the spectrum of one image, by those of
all images of a patient, of which the furthest counts, and by the worst of features and images together.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter
from several_outcomes import DATA, ROOT

from radiofuse.bundle.applicability import SAME_TO
from radiofuse.experiment.models.building import list_kept
from radiofuse.experiment.preparation import make_extractor, prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.rows import LabeledRows
from radiofuse.extract import collect_features
from radiofuse.extract.spectra import collect_spectra
from radiofuse.patients import patient_splits
from radiofuse.progress import silent
from radiofuse.statistics.nearest_patients import EDGE, INSIDE, OUTSIDE, NearestPatients, telling_columns
from radiofuse.statistics.shrunk_distance import Spread, spread_of
from radiofuse.store import FeatureStore
from radiofuse.tables import columns
from radiofuse.tables.cohort import read_cohort

MODALITIES = ("t1", "t1ce", "t2", "flair")
VERDICTS = (INSIDE, EDGE, OUTSIDE)
Part = dict[str, pd.DataFrame]


def noisy(voxels: np.ndarray, share: float) -> np.ndarray:
    """Return an image with noise of a share of the standard deviation of what is not 0."""
    tissue = voxels != 0
    drawn = np.random.default_rng(0).normal(0, share * voxels[tissue].std(), voxels.shape)
    return np.where(tissue, voxels + drawn, 0)


def blurred(voxels: np.ndarray, sigma: float) -> np.ndarray:
    """Return an image blurred by a Gaussian, in voxels, that stays 0 where it was."""
    return np.where(voxels != 0, gaussian_filter(voxels, sigma), 0)


def thick(voxels: np.ndarray) -> np.ndarray:
    """Return the mean of each three slices; a mask stays whole numbers."""
    n = len(voxels) // 3
    slices = voxels[: 3 * n].reshape(n, 3, *voxels.shape[1:])
    return np.median(slices, axis=1) if voxels.dtype.kind in "iu" else slices.mean(axis=1)


SHIFTS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {  # and whether the voxels are others
    "gain 1.5": (lambda voxels: 1.5 * voxels, False),
    "blur 0.5 voxels": (lambda voxels: blurred(voxels, 0.5), False),
    "blur 1 voxel": (lambda voxels: blurred(voxels, 1.0), False),
    "noise 10 %": (lambda voxels: noisy(voxels, 0.1), False),
    "noise 30 %": (lambda voxels: noisy(voxels, 0.3), False),
    "slices 3 times as thick": (thick, True),
}


def written(path: str, to: Path, change: Callable[[np.ndarray], np.ndarray], *, coarser: bool, mask: bool) -> str:
    """Write a changed copy of an image or mask, and return its path."""
    if not to.is_file():
        image = sitk.ReadImage(path)
        voxels = sitk.GetArrayFromImage(image)
        made = voxels if mask and not coarser else change(voxels)
        copy = sitk.GetImageFromArray(made.astype(np.uint8 if mask else np.float32))
        copy.SetDirection(image.GetDirection())
        copy.SetOrigin(image.GetOrigin())
        x, y, z = image.GetSpacing()
        copy.SetSpacing((x, y, 3 * z if coarser else z))
        to.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(copy, str(to))
    return str(to)


def shifted(cohort: pd.DataFrame, folder: Path, change: Callable[[np.ndarray], np.ndarray], *, coarser: bool) -> Path:
    """Write a cohort of changed copies, and return its table."""
    told = cohort[["sample_id", "patient_id"]].copy()
    for name in [*(f"{one}__image" for one in MODALITIES), "mask"]:
        source = "t1__mask" if name == "mask" else name
        told[name] = [
            written(path, folder / f"{sample}_{name}.nii.gz", change, coarser=coarser, mask=name == "mask")
            for sample, path in zip(cohort["sample_id"], cohort[source], strict=True)
        ]
    told.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def sarcomas(folder: Path) -> Path:
    """Write a table of the T1 images of soft tissue sarcomas."""
    patients = sorted(path for path in Path(DATA, "sts_ibsi_validation").iterdir() if path.is_dir())
    rows = [
        {"sample_id": path.name, "t1__image": path / "MR_T1_image.nii.gz", "mask": path / "MR_T1_mask.nii.gz"}
        for path in patients
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def read(table: Path, extractor, store: FeatureStore) -> Part:
    """Return features and spectra of a cohort."""
    cohort = read_cohort(table)
    features = collect_features(cohort, extractor, store)
    if len(features.failures):
        print(f"  {table.parent.name}: {features.failures['code'].value_counts().to_dict()}")
    return {
        "features": features.table,
        "spectra": collect_spectra(cohort, extractor, store, None, failures=features.failures),
    }


def verdicts(training: NearestPatients | Spread, X: pd.DataFrame) -> pd.Series:
    """Return where each row lies."""
    whose = isinstance(training, NearestPatients)
    places = {sample: training.place(row, *([sample] if whose else [])) for sample, row in X.iterrows()}
    return pd.Series({sample: None if place is None else place.verdict for sample, place in places.items()})


def told_of_fold(labeled: LabeledRows, model, spectra: pd.DataFrame, train: np.ndarray, new: dict[str, Part]) -> list:
    """Return rows of cohort, what is compared, sample and verdict."""
    X = labeled.X.iloc[train]
    model.fit(X, labeled.y[train], groups=labeled.groups[train])
    names = [name for chain in model.findings().chains.values() for name in chain[:-1].get_feature_names_out()]
    chosen = telling_columns(X[[name for name in X if name in set(names)]])
    features, spread, rows = NearestPatients(X[chosen], list(X.index)), spread_of(X[chosen], list(X.index)), []
    grouped = columns.by_modality(spectra.columns)
    images = {
        name: NearestPatients(spectra.loc[X.index, own], list(X.index), same_to=SAME_TO)
        for name, own in grouped.items()
    }
    for cohort, part in new.items():
        own = part["features"].index.difference(X.index) if cohort != "sarcomas" else part["features"].index
        rows += [(cohort, "features", *told) for told in verdicts(features, part["features"].loc[own]).items()]
        by_mean = verdicts(spread, part["features"].loc[own]).dropna()
        rows += [(cohort, "mean, covariance", *told) for told in by_mean.items()]
        for modality, training in images.items():
            if any(one.startswith(f"{modality}__") for one in part["spectra"]):
                found = verdicts(training, part["spectra"].loc[own]).dropna()
                rows += [(cohort, "one image", *told) for told in found.items()]
    return rows


def main(folder: Path) -> None:
    """Print the shares of each verdict, by cohort and what is compared."""
    recipe = read_recipe(ROOT / "pipelines" / "idh_tcga.toml")
    rows = prepare_rows(recipe, folder / "out", store=folder / "store", n_jobs=1, progress=silent)
    extractor, store = make_extractor(recipe), FeatureStore(folder / "store")
    whole = read_cohort(Path(DATA, "brats20_tcga_roi", "cohort.csv"))
    cohort = whole[whole["sample_id"].isin(rows.X.index)]
    new = {"held back": {"features": rows.X, "spectra": rows.spectra.loc[rows.X.index]}}
    for name, (change, coarser) in SHIFTS.items():
        new[name] = read(shifted(cohort, folder / name.replace(" ", "_"), change, coarser=coarser), extractor, store)
    new["sarcomas"] = read(sarcomas(folder / "sarcomas"), extractor, store)
    labeled, told = rows.of(rows.outcomes[0]), []
    for fold, split in enumerate(patient_splits(labeled.y, labeled.groups, n_splits=5, random_state=0)):
        model = list_kept(recipe, rows.inputs_for(rows.outcomes[0]))["fusion"]
        own = told_of_fold(labeled, model, new["held back"]["spectra"], split.train, new)
        told += [(fold, *one) for one in own]
    _print(pd.DataFrame(told, columns=["fold", "cohort", "by", "sample", "verdict"]))


def _print(table: pd.DataFrame) -> None:
    rank = {verdict: place for place, verdict in enumerate(VERDICTS)}
    whose = ["fold", "cohort", "sample"]  # sarcomas are compared in every fold
    images = table[table["by"] == "one image"].assign(rank=lambda own: own["verdict"].map(rank))
    furthest = images.groupby(whose)["rank"].max()
    of_features = table[table["by"] == "features"].dropna().set_index(whose)["verdict"].map(rank)
    together = pd.concat([furthest, of_features], axis=1).dropna().max(axis=1).astype(int)
    worst = {"any image": furthest, "all together": together}
    made = [
        one.map(dict(enumerate(VERDICTS))).rename("verdict").reset_index().assign(by=by) for by, one in worst.items()
    ]
    table = pd.concat([table, *made])
    print(f"{'':24} {'by':16} {'inside':>8} {'edge':>8} {'outside':>8} {'n':>5}")
    for cohort in table["cohort"].unique():
        for by in ("features", "mean, covariance", "one image", "any image", "all together"):
            own = table.loc[(table["cohort"] == cohort) & (table["by"] == by), "verdict"]
            shares = " ".join(f"{(own == verdict).mean():8.1%}" for verdict in VERDICTS)
            print(f"{cohort:24} {by:16} {shares} {len(own):5}")


if __name__ == "__main__":
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary))
