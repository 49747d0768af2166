"""ConstraintFusion: input methods, absent modalities, answers without torch, scikit-learn's tools, refusals."""

from __future__ import annotations

import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.feature_selection import SelectKBest, SelectorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import validate_data

from radiofuse.classify.modality import modality_classifier
from radiofuse.errors import CohortError, RequestError
from radiofuse.evaluate import cross_validated_predictions
from radiofuse.fuse import ConstraintFusion
from radiofuse.tables import columns
from radiofuse.work.shared_calls import sharing_calls

torch = pytest.importorskip("torch")

MODALITIES = ("t1", "t1ce", "t2", "flair")
METHODS = {"method1": ["t1ce", "flair"], "method2": list(MODALITIES), "method3": ["t1_t1ce", "t2_flair"]}


def chain():
    return Pipeline([("scale", StandardScaler()), ("select", SelectKBest(k=2)), ("classify", LogisticRegression())])


def fusion(members=MODALITIES, epochs=60, **options):
    return ConstraintFusion([(name, chain()) for name in members], epochs=epochs, **{"random_state": 0, **options})


@pytest.fixture
def cohort():
    """100 rows of 50 patients, four modalities of three features in large units."""
    rng = np.random.default_rng(0)
    y = pd.Series(np.repeat(np.tile([0, 1], 25), 2), index=[f"s{number:03d}" for number in range(100)])
    names = [f"{modality}__f{number}" for modality in MODALITIES for number in range(3)]
    values = rng.normal(size=(100, 12)) + 0.8 * y.to_numpy()[:, None]
    return pd.DataFrame(1000 + 100 * values, index=y.index, columns=names), y


def without(table, modality, rows):
    table = table.copy()
    table.loc[rows, [column for column in table if column.startswith(f"{modality}__")]] = np.nan
    return table


class KeepsGroups(SelectorMixin, BaseEstimator):
    """A selector whose fit takes groups; keeps every column."""

    def fit(self, X, y=None, groups=None):
        validate_data(self, X)
        self.groups_ = groups
        return self

    def _get_support_mask(self):
        return np.ones(self.n_features_in_, dtype=bool)


class AnswersTrainingRowsOtherwise(KeepsGroups):
    """As an encoder: rows that it is fitted on get other features than new rows, here zeros and their values."""

    def fit_transform(self, X, y=None, groups=None):
        self.fit(X, y, groups=groups)
        return np.zeros(np.shape(X))


# ---- branches


@pytest.mark.parametrize("method", METHODS)
def test_an_input_method_has_four_codes_per_branch(cohort, method):
    table, y = cohort
    fitted = fusion(method=method).fit(table, y)
    codes = fitted.codes(table)
    assert list(fitted.branches_) == METHODS[method]
    assert codes.shape == (100, 4 * len(METHODS[method]))
    assert codes.index.equals(table.index)
    assert roc_auc_score(y, fitted.predict_proba(table)[:, 1]) > 0.8
    assert list(fitted.losses_) == ["task", "similarity", "difference", "reconstruction"]


def test_members_that_the_method_leaves_out_are_not_fitted_and_need_no_columns(cohort):
    table, y = cohort
    whole = fusion(method="method1").fit(table, y)
    part = table[[column for column in table if column.startswith(("t1ce__", "flair__"))]]
    assert list(whole.members_) == ["t1ce", "flair"]
    np.testing.assert_array_equal(whole.predict_proba(part), whole.predict_proba(table))
    np.testing.assert_array_equal(fusion(method="method1").fit(part, y).predict_proba(part), whole.predict_proba(table))


def test_branches_of_ones_own_and_one_branch_alone(cohort):
    table, y = cohort
    own = fusion(method={"weighted": ["t2", "t1"], "rest": ["flair"]}).fit(table, y)
    assert own.network_["project.0.weight"].shape == (8, 4)
    assert own.network_["project.1.weight"].shape == (8, 2)
    alone = fusion(["t1"], method={"t1": ["t1"]}).fit(table, y)
    assert (alone.losses_["similarity"] == 0).all()
    assert roc_auc_score(y, alone.predict_proba(table)[:, 1]) > 0.7


def test_arrays_are_fused_by_columns(cohort):
    table, y = cohort
    places = {m: slice(3 * k, 3 * k + 3) for k, m in enumerate(MODALITIES)}
    for method in ("method1", "method3"):
        from_array = fusion(columns=places, method=method).fit(table.to_numpy(), y)
        expected = fusion(method=method).fit(table, y).predict_proba(table)
        np.testing.assert_allclose(from_array.predict_proba(table.to_numpy()), expected)


def test_predictions_are_original_labels(cohort):
    table, y = cohort
    fitted = fusion().fit(table, y.map({0: "wild", 1: "mutant"}))
    assert fitted.classes_.tolist() == ["mutant", "wild"]
    np.testing.assert_array_equal(fitted.predict(table) == "wild", fitted.predict_proba(table)[:, 1] >= 0.5)


# ---- what enters the network


def test_the_network_is_fitted_on_what_fit_transform_answers(cohort):
    table, y = cohort
    steps = [("encode", AnswersTrainingRowsOtherwise()), ("classify", LogisticRegression())]
    members = [("t1ce", Pipeline(steps)), ("flair", chain())]
    fitted = ConstraintFusion(members, method="method1", epochs=5, random_state=0).fit(table, y)
    assert (fitted.scalers_["t1ce"].mean_ == 0).all()  # not the 1000 that transform would give


def test_features_without_a_scaler_in_the_chain_are_standardized(cohort):
    table, y = cohort
    bare = make_pipeline(SelectKBest(k=2), LogisticRegression())
    raw = ConstraintFusion([(name, bare) for name in MODALITIES], epochs=60, random_state=0).fit(table, y)
    np.testing.assert_allclose(raw.predict_proba(table), fusion().fit(table, y).predict_proba(table), atol=1e-6)


def test_a_selector_that_takes_groups_is_handed_its_rows(cohort):
    table, y = cohort
    groups = np.repeat([f"p{number:02d}" for number in range(50)], 2)
    steps = Pipeline([("select", KeepsGroups()), ("classify", LogisticRegression())])
    members = [("t1ce", steps), ("flair", steps)]
    fitted = ConstraintFusion(members, method="method1", epochs=2, random_state=0)
    fitted.fit(without(table, "t1ce", table.index[:10]), y, groups=groups)
    np.testing.assert_array_equal(fitted.members_["t1ce"]["select"].groups_, groups[10:])
    np.testing.assert_array_equal(fitted.members_["flair"]["select"].groups_, groups)


# ---- absent modalities


def test_an_absent_modality_stands_at_its_training_mean(cohort):
    table, y = cohort
    fitted = fusion().fit(table, y)
    partial, typical = without(table, "t2", table.index[:5]), table.copy()
    typical.loc[table.index[:5], ["t2__f0", "t2__f1", "t2__f2"]] = table[["t2__f0", "t2__f1", "t2__f2"]].mean().array
    np.testing.assert_allclose(fitted.predict_proba(partial), fitted.predict_proba(typical))
    np.testing.assert_array_equal(fitted.predict_proba(partial)[5:], fitted.predict_proba(table)[5:])


def test_an_absent_branch_has_codes_of_zero(cohort):
    table, y = cohort
    gap = table.index[:20]
    fitted = fusion(method="method2").fit(without(table, "flair", gap), y)
    assert fitted.scalers_["flair"].n_samples_seen_ == 80
    codes = fitted.codes(without(table, "flair", table.index))
    assert (codes.filter(like="flair__") == 0).all(axis=None)
    assert (codes.filter(like="t2__") != 0).all(axis=None)
    assert np.isfinite(fitted.predict_proba(without(table, "flair", table.index))).all()


def test_a_row_without_any_modality_of_the_method_is_named(cohort):
    table, y = cohort
    partial = without(without(table, "t1ce", "s007"), "flair", "s007")
    fitted = fusion(method="method1").fit(table, y)
    for act in (lambda: fusion(method="method1").fit(partial, y), lambda: fitted.predict_proba(partial)):
        with pytest.raises(CohortError, match="Sample s007 has none of the modalities t1ce, flair"):
            act()


def test_a_modality_that_one_class_has_is_named(cohort):
    table, y = cohort
    with pytest.raises(CohortError, match="Modality t2 .* only in 50 rows of one class of the 100"):
        fusion().fit(without(table, "t2", table.index[y == 1]), y)


# ---- torch is needed to fit only


def test_numpy_answers_as_torch_does(cohort):
    from radiofuse.deep.fusion.constrained_net import ConstraintNet

    table, y = cohort
    holes = without(without(table, "t2", table.index[:30]), "flair", table.index[20:40])
    fitted = fusion(method="method2").fit(holes, y)
    present = np.column_stack([holes[f"{name}__f0"].notna() for name in MODALITIES])
    inputs = []
    for place, name in enumerate(MODALITIES):
        rows, block = present[:, place], holes[[f"{name}__f{number}" for number in range(3)]]
        inputs.append(torch.zeros(100, 2, dtype=torch.float64))
        left = fitted.members_[name].transform(block[rows])
        inputs[-1][rows] = torch.as_tensor(fitted.scalers_[name].transform(left))
    net = ConstraintNet([2] * 4, torch.Generator())
    net.load_state_dict({name: torch.as_tensor(value) for name, value in fitted.network_.items()})
    with torch.no_grad():
        expected = torch.softmax(net(inputs, torch.as_tensor(present)).logits, dim=1).numpy()
    np.testing.assert_allclose(fitted.predict_proba(holes), expected, rtol=1e-12)


WITHOUT_TORCH = """
import sys


class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


sys.meta_path.insert(0, NotInstalled())

import joblib

from radiofuse.errors import RequestError

fitted, table = joblib.load(sys.argv[1])
print(fitted.predict_proba(table).tobytes().hex())
try:
    fitted.fit(table, table.index < "s050")
except RequestError as error:
    print(error)
"""


def test_a_saved_fusion_answers_where_torch_is_not_installed(cohort, tmp_path):
    table, y = cohort
    fitted = fusion().fit(table, y)
    joblib.dump((fitted, table), tmp_path / "model.joblib")
    run = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "model.joblib")]
    answer, refusal = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(answer)).reshape(-1, 2), fitted.predict_proba(table))
    assert "needs torch to be fitted" in refusal


def test_importing_the_fusions_does_not_load_torch():
    code = "import sys, radiofuse.fuse; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


# ---- chance, order, scikit-learn's tools


def test_the_seed_decides_and_nothing_else(cohort):
    table, y = cohort
    first, again, other = (fusion(random_state=seed).fit(table, y).predict_proba(table) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_the_number_of_processes_moves_no_bit(cohort):
    table, y = cohort
    alone, workers = (
        cross_validated_predictions(fusion(epochs=10), table, y, cv=2, random_state=0, n_jobs=n) for n in (1, 2)
    )
    pd.testing.assert_frame_equal(alone, workers, check_exact=True)


def test_column_order_does_not_matter_when_predicting(cohort):
    table, y = cohort
    fitted = fusion().fit(table, y)
    shuffled = table[np.random.default_rng(0).permutation(table.columns)].assign(site="b")
    np.testing.assert_array_equal(fitted.predict_proba(shuffled), fitted.predict_proba(table))


def test_grid_search_over_a_step_and_a_weight(cohort):
    table, y = cohort
    grid = {"t1__select__k": [1, 3], "alpha": [0.0, 0.7]}
    search = GridSearchCV(fusion(epochs=20), grid, cv=GroupKFold(3), scoring="roc_auc", error_score="raise")
    search.fit(table, y, groups=np.arange(100) // 2)
    assert search.best_score_ > 0.7
    n_selected = search.best_params_["t1__select__k"] + 2
    assert search.best_estimator_.network_["project.0.weight"].shape == (8, n_selected)


def test_a_clone_keeps_parameters_and_is_unfitted(cohort):
    table, y = cohort
    copied = clone(fusion(gamma=0.1, method={"a": ["t1"], "b": ["t2"]}).fit(table, y))
    assert copied.gamma == 0.1
    assert copied.method == {"a": ["t1"], "b": ["t2"]}
    assert not hasattr(copied, "network_")


# ---- what the constraints do


def test_the_printed_difference_makes_codes_equal_and_orthogonality_does_not(cohort):
    table, y = cohort
    apart = {}
    for difference in ("literal_norm", "orthogonality"):
        fitted = fusion(difference=difference, epochs=200).fit(table, y)
        codes = fitted.codes(table).to_numpy().reshape(100, 2, 2, 2)  # row, branch, kind, number
        apart[difference] = np.linalg.norm(codes[:, :, 0] - codes[:, :, 1], axis=2).mean()
    assert apart["literal_norm"] < 0.05
    assert apart["orthogonality"] > 0.5


@pytest.mark.data
def test_idh_is_predicted_from_the_selected_features_of_four_sequences(data_dir):
    folder = data_dir / "medimage_tcga_radiomics"
    blocks = [
        pd.read_csv(folder / f"radiomics__{name}(gliomaTumorAuto)__image.csv.gz", index_col="PatientID")
        .dropna(axis=1, how="all")
        .add_prefix(columns.join(modality, ""))
        for modality, name in zip(MODALITIES, ("T1", "T1CE", "T2", "T2F"), strict=True)
    ]
    table = pd.concat(blocks, axis=1).rename(index=lambda patient: patient.removeprefix("Glioma-"))
    idh = pd.read_csv(folder / "labels.csv", index_col="tcga_id")["idh"].reindex(table.index).dropna()
    members = [(modality, modality_classifier("logistic", random_state=0)) for modality in MODALITIES]
    predicted = cross_validated_predictions(
        ConstraintFusion(members, random_state=0), table.loc[idh.index], idh.to_numpy(int), cv=3, random_state=0
    )
    assert roc_auc_score(predicted["label"], predicted["probability"]) > 0.75


# ---- what is refused


class SelectsNothing(KeepsGroups):
    def _get_support_mask(self):
        return np.zeros(self.n_features_in_, dtype=bool)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "method4"}, "No input method is called 'method4'; choose from method1, method2, method3"),
        (
            {"method": {"a": ["t1", "adc"]}},
            "Branch 'a' names the member 'adc', but the members are t1, t1ce, t2, flair",
        ),
        ({"method": {"a": ["t1"], "b": ["t1"]}}, "Member 't1' stands in more than one place"),
        ({"method": {"a": "t1"}}, "Branch 'a' must be a list of one or more members, and is 't1'"),
        ({"method": {"a": []}}, "Branch 'a' must be a list"),
        ({"method": {}}, "at least one branch"),
        ({"members": ("t1", "t2")}, "names the member 't1ce', but the members are t1, t2"),
        ({"members": ()}, "estimators is empty"),
        ({"columns": {"adc": [0]}}, r"columns names \['adc'\]"),
        ({"similarity": "mmd"}, "'similarity' parameter .* must be"),
        ({"difference": "cosine"}, "'difference' parameter .* must be"),
        ({"alpha": -0.1}, "'alpha' parameter .* must be"),
        ({"epochs": 0}, "'epochs' parameter .* must be"),
    ],
)
def test_a_wrong_request_is_a_sentence(cohort, options, words):
    with pytest.raises(ValueError, match=words):
        fusion(**options).fit(*cohort)


@pytest.mark.parametrize("member", [LogisticRegression(), Pipeline([("classify", LogisticRegression())])])
def test_a_member_without_steps_before_the_last_is_a_sentence(cohort, member):
    with pytest.raises(RequestError, match=r"Member 't1' is .*needs a Pipeline of two steps or more"):
        fusion(method={"a": ["t1"]}).set_params(t1=member).fit(*cohort)


@pytest.mark.filterwarnings("ignore:No features were selected")
def test_a_member_with_nothing_selected_is_a_sentence(cohort):
    nothing = Pipeline([("select", SelectsNothing()), ("classify", LogisticRegression())])
    with pytest.raises(CohortError, match="The steps of member 't2' select no feature"):
        fusion().set_params(t2=nothing).fit(*cohort)


def test_a_missing_column_is_shown_as_a_difference(cohort):
    table, y = cohort
    with pytest.raises(RequestError, match=r"modality t2:\n  - t2__f1\n  \+ t2__F1\n"):
        fusion(epochs=2).fit(table, y).predict_proba(table.rename(columns={"t2__f1": "t2__F1"}))


def test_a_feature_without_a_value_is_named_by_its_member(cohort):
    table, y = cohort
    table.loc["s003", "t2__f0"] = np.nan
    bare = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())])
    with pytest.raises(ValueError, match="features of member 't2' contains NaN"):
        fusion().set_params(t2=bare).fit(table, y)


def test_fusions_of_other_branches_fit_the_steps_of_their_members_once(cohort):
    X, y = cohort
    fitted, alone = [], []
    with sharing_calls():
        for branches in ("method1", "method2"):
            fitted.append(fusion(epochs=5, method=branches).fit(X, y))
    for branches in ("method1", "method2"):
        alone.append(fusion(epochs=5, method=branches).fit(X, y))
    assert fitted[0].members_["t1ce"] is fitted[1].members_["t1ce"]
    assert alone[0].members_["t1ce"] is not alone[1].members_["t1ce"]
    for shared, own in zip(fitted, alone, strict=True):
        np.testing.assert_array_equal(shared.predict_proba(X), own.predict_proba(X))
