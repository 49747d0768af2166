"""A realistic bundle folder made from random numbers: what a run writes, without the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from radiofuse.bundle.format import SCHEMA, TABLES
from radiofuse.bundle.study_tables import IMPORTANCES
from radiofuse.bundle.table_format import Kind
from radiofuse.experiment.recipe.recipe import PublishedTable
from radiofuse.experiment.scores.published import published_rows
from radiofuse.report.kinds import ARM, ARM_MEMBER, FUSION, MODALITY, REFERENCE
from radiofuse.statistics import (
    best_of_models,
    calibration_table,
    compare_with_others,
    conformal_table,
    cross_validated_intervals,
    decision_table,
    describe_by_class,
    in_age_bands,
    operating_points_table,
    score_predictions,
    score_subgroups,
)
from radiofuse.tables.families import feature_family

KEPT = {
    "model": {"kept_as": "arrays", "own_code": [], "why": ""},
    "outcomes": [],
    "columns": {"n": 0, "named_in": "bundle.json", "ranges_in": "training_ranges.csv"},
    "training_rows": {"n_samples": 0, "n_digests": 0, "sha256": "", "listed_in": "bundle.json"},
    "golden": {
        "columns": [],
        "rows": [],
        "pictures": None,
        "answers": {},
        "why_none": "a report never opens the model",
    },
}
MODALITIES = ("t1", "t1ce", "t2", "flair")
STRENGTH = {"t1": 0.8, "t1ce": 1.7, "t2": 1.1, "flair": 1.4, "clinical": 1.2}
FUSIONS = ("mean", "vote", "regression", "nonnegative")
CONSTRAINED = ("constrained_method1", "constrained_method2", "constrained_method3")
ARMS = ("deep", "radiomics")
DEEP = {
    "encoder": "san10_small",
    "join": "columns",
    "output": "embedding",
    "protocol": "crossfit",
    "folds": 3,
    "options": {},
    "channels": [],
    "name": "stack",
    "size": 72,
    "slices": 1,
    "cut": "tumor",
    "plane": "axial",
    "dimensions": 2,
    "intensities": "z_score",
    "over": "tumor",
    "aggregate": "mean_logit",
    "training": {"epochs": 15, "learning_rate": 0.001},
    "device": "auto",
}
FILTERS = ("original", "log-sigma-1-0-mm-3D", "wavelet-HHL", "squareroot")
CLASSES = (
    "firstorder_Kurtosis",
    "glcm_Idmn",
    "glrlm_RunVariance",
    "glszm_SmallAreaHighGrayLevelEmphasis",
    "shape_Sphericity",
)


def make_bundle(
    folder: Path,
    *,
    n_patients: int = 98,
    n_repeats: int = 5,
    modalities: tuple[str, ...] = MODALITIES,
    fusions: tuple[str, ...] = FUSIONS,
    deep: bool = False,
) -> Path:
    """Write a bundle folder with these modalities and fusions, the clinical arm and the trivial rule.

    With ``deep`` also constraint fusions, the same fusions on deep and radiomic features alone, and published tables.
    """
    folder.mkdir(parents=True)
    for name, content in _files(n_patients, n_repeats, modalities, fusions, deep).items():
        (folder / name).write_bytes(content)
    return folder


@cache  # scoring takes most of the time, and many tests begin with the same bundle
def _files(n_patients: int, n_repeats: int, modalities: tuple, fusions: tuple, deep: bool) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        _write_files(Path(folder), n_patients, n_repeats, modalities, fusions, deep)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _write_files(folder: Path, n_patients: int, n_repeats: int, modalities: tuple, fusions: tuple, deep: bool) -> None:
    rng = np.random.default_rng(0)
    predictions = _predictions(rng, n_patients, n_repeats)
    predictions = predictions[predictions["model"].isin([*modalities, *fusions, "clinical", "trivial"])]
    if deep:
        predictions = _with_other_features(rng, predictions, modalities, fusions)
    predictions = predictions.assign(outcome="idh", **{"class": "1"})
    scores = score_predictions(predictions, n_resamples=60)
    features = _selected_features(rng, modalities)
    weights = _fusion_weights(rng, modalities, fusions, in_sample=deep)
    tables = {
        "predictions": predictions,
        "scores": scores,
        "learning_intervals": cross_validated_intervals(predictions),
        "best_of_models": best_of_models(predictions, [*modalities, *fusions], n_resamples=60),
        "comparisons": compare_with_others(predictions, fusions[0], n_resamples=60),
        "operating_points": operating_points_table(predictions, n_resamples=20),
        "prediction_sets": conformal_table(predictions),
        "calibration": calibration_table(predictions),
        "decision_curves": decision_table(predictions, n_resamples=20),
        "cohort_flow": _cohort_flow(n_patients),
        "modality_flow": _modality_flow(modalities, n_patients),
        **_patient_tables(predictions, fusions[0]),
        "selected_features": features,
        "importance_sums": _importance_sums(features),
        "importance_agreement": _agreement(modalities),
        "shapley": _shapley(rng, predictions, features),
        "fusion_weights": weights,
        "published": published_rows(
            _published_tables(modalities) if deep else [],
            scores,
            weights,
            features.assign(outcome="idh", model="fusion"),
            "idh",
            read={},
        ),
        "failures": _failures(),
        "training_ranges": pd.DataFrame({"column": ["t1__f"], "low": 0.0, "high": 1.0, "n_samples": n_patients}),
    }
    others = {name: pd.DataFrame(columns=list(table.columns)) for name, table in TABLES.items() if name not in tables}
    for name, table in (tables | others).items():
        table.to_csv(folder / f"{name}.csv", index=False)
    _write_json(folder / "bundle.json", _about(n_repeats, modalities, fusions))
    if deep:
        words = words_of(modalities, fusions, constrained=CONSTRAINED, arms=ARMS)
        edit_protocol(folder, arms=list(ARMS), deep=DEEP, words=words)
    (folder / "recipe.toml").write_text('title = "IDH from four MRI sequences"\n[cohort]\nlabel = "idh"\n')
    (folder / "card.md").write_text("A card.\n")
    for name in ("model.json", "model.bin"):
        (folder / name).write_bytes(b"no model: a report never opens it")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    manifest = {"format": SCHEMA, "files": digests, "environment": _environment(), **KEPT}
    _write_json(folder / "manifest.json", manifest)


def edit_about(folder: Path, **changes) -> None:
    """Replace entries of a bundle's ``bundle.json``."""
    path = folder / "bundle.json"
    _write_json(path, {**json.loads(path.read_text()), **changes})


def edit_protocol(folder: Path, **changes) -> None:
    """Replace entries of the protocol in a bundle's ``bundle.json``."""
    protocol = json.loads((folder / "bundle.json").read_text())["protocol"]
    edit_about(folder, protocol={**protocol, **changes})


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2))


def _predictions(rng: np.random.Generator, n_patients: int, n_repeats: int) -> pd.DataFrame:
    label = (rng.random(n_patients) < 0.42).astype(int)
    signal = {m: s * (label - 0.5) + rng.normal(size=n_patients) for m, s in STRENGTH.items()}
    absent = rng.random(n_patients) < 0.05
    parts = []
    for repeat in range(n_repeats):
        fold = rng.permutation(np.arange(n_patients) % 5)
        single = {m: 1 / (1 + np.exp(-1.6 * (x + 0.4 * rng.normal(size=n_patients)))) for m, x in signal.items()}
        single["t2"][absent] = np.nan
        for model, probability in {**single, **_fused(single), "trivial": 0.4 + 0.01 * fold}.items():
            parts.append(_block(repeat, fold, model, label, probability))
    return pd.concat(parts, ignore_index=True).dropna(subset="probability")


def _fused(single: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    stack = np.column_stack([single[m] for m in MODALITIES])
    filled = np.where(np.isnan(stack), 0.5, stack)
    return {
        "mean": np.nanmean(stack, axis=1),
        "vote": np.nanmean(np.where(np.isnan(stack), np.nan, stack >= 0.5), axis=1),
        "regression": 1 / (1 + np.exp(-(filled @ [0.3, 2.4, 0.9, 1.9] - 2.7))),
        "nonnegative": filled @ [0.05, 0.5, 0.15, 0.3],
    }


def _with_other_features(
    rng: np.random.Generator, predictions: pd.DataFrame, modalities: tuple[str, ...], fusions: tuple[str, ...]
) -> pd.DataFrame:
    """Add models that answer as another one does, with noise."""
    like = dict.fromkeys(CONSTRAINED, fusions[0])
    like |= {f"{arm}_{name}": name for arm in ARMS for name in (*modalities, *fusions)}
    parts = [predictions]
    for model, name in like.items():
        rows = predictions[predictions["model"] == name]
        noisy = np.clip(rows["probability"] + rng.normal(0, 0.12, len(rows)), 0, 1)
        parts.append(rows.assign(model=model, probability=noisy))
    return pd.concat(parts, ignore_index=True)


def _published_tables(modalities: tuple[str, ...]) -> list[PublishedTable]:
    metrics = ["auc", "accuracy", "precision", "recall", "f1"]
    models = {
        "CNN only": ("deep_regression", [0.77, 0.70, 0.69, 0.70, 0.69]),
        "Radiomics only": ("radiomics_regression", [0.77, 0.71, 0.74, 0.62, 0.67]),
        "Both, regression": ("regression", [0.82, 0.77, 0.77, 0.77, 0.77]),
        "Both, constraints": ("constrained_method3", [0.81, 0.79, 0.80, None, 0.77]),
    }
    rows = [{"name": name, "model": model, "published": values} for name, (model, values) in models.items()]
    weights = {**dict.fromkeys(modalities, 0.49), "(intercept)": -0.28}
    return [
        PublishedTable(title="What each part adds", source="Shi et al. 2023, Table I", metrics=metrics, rows=rows),
        PublishedTable(title="Weights", source="Shi et al. 2023, Table IV", fusion="regression", published=weights),
    ]


def _block(repeat: int, fold: np.ndarray, model: str, label: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    ids = [f"P{i:03d}" for i in range(len(label))]
    return pd.DataFrame(
        {
            "sample_id": [f"{i}-S1" for i in ids],
            "patient_id": ids,
            "repeat": repeat,
            "fold": fold,
            "model": model,
            "label": label,
            "probability": probability,
        }
    )


def _cohort_flow(n_patients: int) -> pd.DataFrame:
    rows = [
        ("rows in the cohort table", n_patients + 13, n_patients + 13, ""),
        ("label unknown", 13, 13, "extracted, never trained or scored on"),
        ("t2 absent", 5, 5, "fused from the modalities that are there"),
        ("trained and scored on", n_patients, n_patients, ""),
    ]
    return pd.DataFrame(rows, columns=["step", "n_samples", "n_patients", "note"])


def _modality_flow(modalities: Sequence[str], n_patients: int) -> pd.DataFrame:
    steps = ("in the cohort table", "image or features named", "image and mask usable", "outcome known: used")
    sizes = (n_patients + 13, n_patients + 13, n_patients + 8, n_patients - 5)
    rows = [
        (name, step, n, n, "5 empty_roi" if step.startswith("image and") else "")
        for name in modalities
        for step, n in zip(steps, sizes, strict=True)
    ]
    return pd.DataFrame(rows, columns=["modality", "step", "n_samples", "n_patients", "note"])


def _patient_tables(predictions: pd.DataFrame, primary: str) -> dict[str, pd.DataFrame]:
    """Make up age, sex and site of the patients, and tell what follows from them."""
    own = predictions[predictions["model"] == primary]
    label = own.groupby("patient_id")["label"].first()
    rng = np.random.default_rng(1)
    known = pd.DataFrame(
        {"age": rng.normal(50, 12, len(label)).round(), "sex": rng.integers(0, 2, len(label))}, label.index
    )
    known = known.assign(site=rng.choice(["north", "south", "<b>east"], len(label), p=[0.5, 0.45, 0.05]))
    known.loc[known.index[:4], "age"] = np.nan
    told = pd.concat([describe_by_class(known[name], label, ("0", "1")) for name in known], ignore_index=True)
    groups = known.assign(age=in_age_bands(known["age"]))
    return {"baseline": told.assign(outcome="idh"), "subgroups": score_subgroups(own, groups, n_resamples=20)}


def _selected_features(rng: np.random.Generator, modalities: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for modality in modalities:
        names = [f"{f}_{c}" for f in FILTERS for c in CLASSES]
        for rank, name in enumerate(rng.permutation(names)[: rng.integers(6, 19)]):
            frequency = float(np.clip(rng.normal(0.95 - 0.07 * rank, 0.05), 0.04, 1))
            importance = rng.normal(0.03 * frequency, 0.008)
            coefficient = rng.normal(0, 0.4)
            shap = abs(coefficient) * frequency
            told = (importance, importance - 0.02, importance + 0.02, shap, shap / 2, 2 * shap)
            rows.append((modality, name, round(frequency, 2), *told, coefficient, frequency > 0.5))
    columns = ["modality", "feature", "frequency", *IMPORTANCES, "mean_coefficient", "in_final_model"]
    return pd.DataFrame(rows, columns=columns).assign(outcome="idh", model="fusion")


def _importance_sums(features: pd.DataFrame) -> pd.DataFrame:
    """Add up the importances of a modality, of a family and of an image type."""
    families = [feature_family(name).rpartition(" ") for name in features["feature"]]
    kinds = {
        "family": [family for *_, family in families],
        "image type": [image or "original" for image, *_ in families],
        "modality": features["modality"],
    }
    parts = []
    for by, names in kinds.items():
        own = features.assign(name=list(names)).groupby("name", sort=False)
        told = own[[*IMPORTANCES]].sum().reset_index()
        parts.append(
            told.assign(by=by, n_features=own.size().to_numpy(), mean_selected=own["frequency"].sum().to_numpy())
        )
    return pd.concat(parts, ignore_index=True).assign(outcome="idh", model="fusion")


def _agreement(modalities: Sequence[str]) -> pd.DataFrame:
    pairs = [("importance", "shap"), ("importance", "coefficient"), ("shap", "coefficient")]
    rows = [(name, a, b, 0.9 - 0.1 * place, 12) for place, name in enumerate(["", *modalities]) for a, b in pairs]
    table = pd.DataFrame(rows, columns=["modality", "a", "b", "spearman", "n_features"])
    return table.assign(outcome="idh", model="fusion")


def _shapley(rng: np.random.Generator, predictions: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Deal each member's log-odds, the mean of the repeats, to three features and what is left."""
    parts = []
    for member, own in features.groupby("modality", sort=False):
        rows = predictions[predictions["model"] == member]
        odds = np.log(rows["probability"] / (1 - rows["probability"])).groupby(rows["sample_id"]).mean()
        told = {"(base)": np.full(len(odds), -0.3)}
        told |= {name: rng.normal(0, 0.5, len(odds)) for name in own["feature"].head(3)}
        told["(others)"] = odds.to_numpy() - sum(told.values())
        for feature, shap in told.items():
            value = np.nan if feature.startswith("(") else rng.normal(size=len(odds))
            of_one = {"member": member, "sample_id": odds.index, "class": "1", "feature": feature}
            parts.append(pd.DataFrame({**of_one, "value": value, "shap": shap}))
    return pd.concat(parts, ignore_index=True).assign(outcome="idh", model="fusion")


def _fusion_weights(
    rng: np.random.Generator, modalities: tuple[str, ...], fusions: tuple[str, ...], *, in_sample: bool
) -> pd.DataFrame:
    rows = []
    for fusion in fusions:
        equal = fusion in ("mean", "vote")
        for member in ("(intercept)", *modalities) if fusion == "regression" else modalities:
            weight = 1 / len(modalities) if equal else STRENGTH.get(member, -2.7) / 4
            half = 0 if equal else abs(weight) * 0.3 + 0.05
            mean = weight + half * rng.uniform(-0.2, 0.2)
            trusting = 2 * weight if in_sample and not equal else np.nan
            low, high = (np.nan, np.nan) if equal else (weight - 1.5 * half, weight + 1.2 * half)
            rows.append((fusion, member, weight, low, high, mean, mean - half, mean + half, trusting))
    table = pd.DataFrame(rows, columns=["fusion", "member", *TABLES["fusion_weights"].of(Kind.NUMBER)])
    return table.assign(outcome="idh", model="fusion", **{"class": ""})


def _failures() -> pd.DataFrame:
    rows = [
        ("P101-S1", "t1ce", "file_truncated", "The image file ends early; copy it again from its source."),
        ("P104-S1", "flair", "empty_roi", "The mask has no voxel with label 1; it holds label 0. Correct the mask."),
    ]
    return pd.DataFrame(rows, columns=["sample_id", "modality", "code", "message"])


def _about(n_repeats: int, modalities: tuple[str, ...], fusions: tuple[str, ...]) -> dict:
    return {
        "schema": SCHEMA,
        "name": "idh",
        "title": "IDH mutation from four MRI sequences",
        "radiofuse_version": "0.1.0",
        "outcomes": [{"name": "idh", "kind": "binary", "classes": ["0", "1"], "ordered": False}],
        "modalities": list(modalities),
        "clinical": ["age", "sex"],
        "settings": {
            "radiomics": {"preset": "shi2023", "binWidth": 25, "resampledPixelSpacing": [1, 1, 1]},
            "mask_label": "any",
        },
        "protocol": {
            "folds": 5,
            "repeats": n_repeats,
            "inner_folds": 5,
            "calibrate": True,
            "operating_point": "the greatest sum of sensitivity and specificity (Youden)",
            "selector": "three_step",
            "classifier": "logistic",
            "primary": "mean",
            "seed": 7,
            "words": words_of(modalities, fusions),
        },
        "n_features": dict.fromkeys(modalities, 873),
        "synthetic": False,
        "as_published": [],
        "warnings": [],
    }


def words_of(
    modalities: Sequence[str], fusions: Sequence[str], *, constrained: Sequence[str] = (), arms: Sequence[str] = ()
) -> dict:
    """Return what the names of a run stand for, as its description holds it."""
    kinds = dict.fromkeys(modalities, ("fusion", MODALITY)) | dict.fromkeys(fusions, ("fusion", FUSION))
    kinds |= {name: (name, FUSION) for name in constrained}
    for arm in arms:
        kinds |= {f"{arm}_{name}": (arm, ARM_MEMBER) for name in modalities}
        kinds |= {f"{arm}_{name}": (arm, ARM) for name in fusions}
    kinds |= {name: (name, REFERENCE) for name in ("clinical", "trivial")}
    models = {
        name: {"model": model, "kind": kind, "title": f"title of {name}", "does": f"What {name} does."}
        for name, (model, kind) in kinds.items()
    }
    return {
        "selector": {"title": "three steps", "does": "Selects."},
        "classifier": {"title": "logistic regression", "does": "Fits."},
        "models": models,
    }


def _environment() -> dict:
    packages = {"radiofuse": "0.1.0", "numpy": "2.4.0", "scikit-learn": "1.9.0", "pyradiomics": "3.0.1"}
    return {"python": "3.11.9", "platform": "Linux-x86_64", "packages": packages}
