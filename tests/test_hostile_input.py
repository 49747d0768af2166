"""Whatever stands in a table, a recipe or a parameter file: an answer, or an error of ours in sentences.

RADIOFUSE_FUZZ sets the number of examples of each test.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml
from hypothesis import HealthCheck, Phase, event, given, seed, settings
from hypothesis import strategies as st

from radiofuse.errors import RadiofuseError
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import build_model
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.models import RecipeModel
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.extract import RadiomicsExtractor
from radiofuse.progress import silent
from radiofuse.radiomics import read_settings
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.selection_run.run import read_table
from radiofuse.tables.cohort import read_cohort
from tests import hostile

EXAMPLES = int(os.environ.get("RADIOFUSE_FUZZ", "50"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)


def answer(what: str, work: Callable[[], Any]) -> Any:
    """Return what the work answers; None where it is refused in sentences and by an exit code of the user's."""
    try:
        found = work()
    except RadiofuseError as error:
        assert error.exit_code in (2, 3)
        words = str(error).strip()
        assert words
        assert words[-1] in ".!?)'\"" or "\n" in words, words
        assert "Traceback" not in words
        event(f"{what}: refused, {type(error).__name__}")
        return None
    event(f"{what}: accepted")
    return found


def table(*, ids: tuple[str, ...] = ("sample_id",), n: int = 20, label: str = "idh") -> list[list[str]]:
    rng = np.random.default_rng(0)
    names = ["t1__a", "t1__b", "t2__a", "clinical__age"]
    rows = [[*ids, label, "site", *names]]
    for row in range(n):
        values = [f"{value:.6g}" for value in rng.normal(size=4) + row % 2]
        rows.append([*(f"{name[0]}{row:02}" for name in ids), str(row % 2), "AB"[row % 3 == 0], *values])
    return rows


BATCH = [["ID", "Image", "Mask", "Label", "Modality", "idh"]]
BATCH += [[f"p{row}", f"{row}_{m}.nii", f"{row}.nii", "1", m, str(row % 2)] for row in range(8) for m in ("t1", "t2")]
IMAGES = [["sample_id", "t1__image", "t1__mask", "t1__mask_label", "idh"]]
IMAGES += [[f"s{row}", f"{row}.nii.gz", f"{row}_m.nii.gz", "1", str(row % 2)] for row in range(8)]
TABLES = [table(), table(ids=("sample_id", "patient_id")), table(label="grade"), BATCH, IMAGES]
HEADERS = sorted({name for base in TABLES for name in base[0]} | {"mask", "clinical__sex", "T1__a", "t1__image", "id"})


@seed(1)
@FUZZ
@given(content=hostile.tables(TABLES, HEADERS), data=st.data())
def test_cohort_tables(content, data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "hostile.csv"
    path.write_bytes(content)
    options = {"labels": data.draw(st.sampled_from([None, "idh", ["idh"], "idh=1", "grade"]))}
    options["n_folds"] = data.draw(st.sampled_from([None, 2, 5]))
    options["participants"] = data.draw(st.sampled_from([None, None, None, path]))
    options["missing_files"] = data.draw(st.sampled_from(["keep", "keep", "error"]))
    cohort = answer("cohort", lambda: read_cohort(path, **options))
    if cohort is not None:
        assert cohort["sample_id"].is_unique
    more = data.draw(
        st.sampled_from([{}, {"site": "site"}, {"covariates": ("clinical__age",)}, {"ignore": ("t1__*",)}])
    )
    request = {"modality_prefixes": data.draw(st.sampled_from([None, False])), "folds": 2, "inner": 2, **more}
    answer("select", lambda: read_table(SelectionRequest(options["labels"] and "idh" or "grade", path, **request)))


RECIPES = [
    {
        "title": "x",
        "cohort": {"table": "features.csv", "label": "idh"},
        "select": {"method": "three_step", "options": {"alpha": 0.1}},
        "classify": {"method": "logistic"},
        "fusion": {"combine": ["mean", "vote"], "inner_folds": 2},
        "evaluation": {"folds": 2, "repeats": 1, "resamples": 100},
    },
    {"cohort": {"table": "features.csv", "label": "idh", "ignore": ["site"]}, "classify": {"method": "brnn"}},
]
ENTRIES = {
    "": [("title", ["t"]), ("seed", [0, 7]), ("deep", [{}, {"encoder": "san10_small"}]), ("tables", [[], [{}]])],
    "cohort": [
        ("table", ["features.csv", ".", "absent.csv", "${NOBODY}/x"]),
        ("label", ["idh", "idh=1", "site", "t1__a"]),
        ("label_per", ["sample"]),
        ("missing", [["0"], [1]]),
        ("modalities", [["t1"], ["t2", "t9"]]),
        ("modality_pattern", ["(?P<modality>t.)__(?P<feature>.*)", "("]),
        ("mask_label", ["any", [1, 2]]),
        ("participants", ["features.csv"]),
    ],
    "radiomics": [("settings", ["none", "default", "features.csv", "."]), ("backend", ["radiofuse", "nobody:Here"])],
    "select": [("method", ["none", "lasso", "mann_whitney", "reproducibility", "os:path", "json:JSONDecoder"])],
    "classify": [("method", ["svm", "random_forest", "mlp", "os:path", "sklearn.svm:SVC"])],
    "fusion": [("combine", [["mean"], ["regression", "mean"], []]), ("constrained", [["method1"], ["a"]])],
    "evaluation": [("folds", [3, 30]), ("arms", [["radiomics"], ["deep"]]), ("resamples", [200])],
}


@seed(2)
@FUZZ
@given(data=st.data())
def test_recipes(data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "hostile_recipe"
    folder.mkdir(exist_ok=True)
    (folder / "features.csv").write_text("\n".join(map(",".join, table())))
    tree = data.draw(hostile.trees(RECIPES, ENTRIES))
    (folder / "own.toml").write_bytes(data.draw(hostile.texts(hostile.as_toml(tree))))
    out, store = folder / "out", folder / "store"

    def prepare() -> Any:
        recipe = read_recipe(folder / "own.toml")
        study = prepare_rows(recipe, out, store=store, n_jobs=1, progress=silent)
        return build_model(recipe, RecipeModel(), Inputs(study.modalities))

    assert answer("recipe", prepare) is None or tree


SETTINGS = [
    {
        "imageType": {"Original": {}},
        "featureClass": {"firstorder": ["Mean", "Entropy"], "shape": ["VoxelVolume"], "glcm": ["Contrast"]},
        "setting": {"binWidth": 5, "normalize": True, "normalizeScale": 100},
    },
    {"imageType": {"LoG": {"sigma": [1.0]}, "Wavelet": {}}, "featureClass": {"firstorder": ["Mean"]}, "setting": {}},
    {"imageType": {"Original": {"binWidth": 2}}, "setting": {"binCount": 16, "label": 1}},
]
KEYS = {
    "imageType": [
        *[("Square", [{}]), ("Gradient", [{}]), ("LBP2D", [{}]), ("Wavelet", [{"wavelet": "db4", "level": 2}])],
        ("Mean", [{"support": [3]}, {"support": [99, 2]}]),
        ("LaplacianOfGaussian", [{"sigma": [1, 1e-9]}, {"sigma": [1e9], "cutoff": 1e9}]),
        ("Laws", [{"kernels": ["L3E3E3", "L5S5"], "rotationInvariance": True, "energyDistance": 2}]),
        ("Gabor", [{"sigma": [1], "wavelength": [2, 1e-9], "rotationStep": 90, "aspect": 0.5}]),
        ("SeparableWavelet", [{"wavelet": "haar", "subbands": ["LLH", "HH"], "level": [1, 60]}]),
        ("Simoncelli", [{"level": [1]}, {"level": [1, 99]}]),
        ("RieszSimoncelli", [{"order": [[1, 0, 0], [1, 1]], "alignmentSigma": 1}]),
    ],
    "featureClass": [("glrlm", [None, []]), ("glszm", [["ZoneEntropy"]]), ("ngtdm", [[]]), ("shape2D", [[]])],
    "setting": [
        ("resampledPixelSpacing", [[2, 2, 2], [0, 0, 0], [1e-3, 1, 1], [0.5, 0.5, 0.5]]),
        ("resegmentRange", [[-3, 3], [0]]),
        ("resegmentMode", ["sigma", "relative", "absolute"]),
        ("removeOutliers", [3, 0]),
        ("binWidth", [1e-9, 25, 1e9]),
        ("binCount", [1, 8, 10**6]),
        ("interpolator", ["sitkBSpline", "sitkLinear", 1]),
        ("padDistance", [0, 5, 10**9]),
        ("distances", [[1, 2], [0], [10**6]]),
        ("weightingNorm", ["manhattan", None]),
        ("force2D", [True]),
        ("force2Ddimension", [0, 2, 3]),
        ("minimumROIDimensions", [1, 2, 3]),
        ("minimumROISize", [1, 10**9]),
        ("label", [1, 2, "any"]),
        ("voxelArrayShift", [0, 1e300]),
        ("preCrop", [True]),
        ("correctMask", [True]),
        ("geometryTolerance", [1e-3]),
        ("symmetricalGLCM", [False]),
    ],
    "voxelSetting": [("kernelRadius", [1, 2]), ("maskedKernel", [True])],
    "radiofuse": [("ibsi", [True]), ("wavelet_subbands", [["LLL"], ["XXX"]])],
}


@seed(3)
@FUZZ
@given(data=st.data())
def test_parameter_files(data, tmp_path_factory):
    tree = data.draw(hostile.trees(SETTINGS, KEYS))
    ending = data.draw(st.sampled_from([".yaml", ".yaml", ".yaml", ".json", ".yml", ".txt"]))
    text = hostile.json.dumps(tree, indent=1) if ending == ".json" else yaml.safe_dump(tree, allow_unicode=True)
    path = tmp_path_factory.getbasetemp() / f"hostile{ending}"
    path.write_bytes(data.draw(hostile.texts(text, tagged=ending != ".json")))
    read = answer("file", lambda: read_settings(path))
    if read is not None:
        image = np.random.default_rng(0).normal(100, 20, (9, 8, 7)).astype(np.float32)
        mask = np.zeros(image.shape, np.uint8)
        mask[2:7, 2:6, 2:6] = 1
        features = answer(
            "features", lambda: RadiomicsExtractor(read, label=1).extract(image, mask, spacing_mm=(1, 1, 2))
        )
        assert features is None or np.isfinite(features).all()
