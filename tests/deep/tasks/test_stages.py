"""The stages of adaptation and of self-training as options of the estimator, and that none of them leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from tiny_tasks import NAMES, SIDE, SIZES, tiny_pictures  # noqa: E402

from radiofuse.deep.estimators.image_rows import point  # noqa: E402
from radiofuse.deep.estimators.workbench import Workbench  # noqa: E402
from radiofuse.deep.sample_rows import SampleRows  # noqa: E402
from radiofuse.deep.tasks.estimator import MultiTaskNetwork  # noqa: E402
from radiofuse.deep.tasks.loop import TaskPlan  # noqa: E402
from radiofuse.deep.tasks.training_task import MultiTaskTraining  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402
from radiofuse.statistics import auc_interval  # noqa: E402

N = 32
SHORT = {"epochs": 4, "batch_size": 12, "learning_rate": 0.02, "flips": False, "rotation_deg": 0.0}
TRAINING = {**SHORT, "epochs": 20, "batch_size": 6}
EVERY_STAGE = {
    "self_distillation": True,
    "pretraining": {"epochs": 2},
    "self_training": {"confidence": 0.6, "spread": 0.3, "passes": 4},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("stages"))


class Study:
    """Patients of whom odd ones are brighter, two thirds without a known label."""

    def __init__(self, folder):
        self.folder, self.crops = folder, tiny_pictures(folder, N, signal=3.0)
        self.X = self.crops.pointer_table()
        self.truth = pd.Series([int(sample[1:]) % 2 for sample in self.X.index], self.X.index, dtype=float)
        self.y = pd.DataFrame({"idh": self.truth.where(np.arange(N) % 6 < 2), "grade": self.truth})

    def model(self, **options):
        places = {"crops": self.crops, "cache": self.folder, "device": "cpu", "random_state": 0}
        sizes = {name: list(size) if isinstance(size, tuple) else size for name, size in SIZES.items()}
        places |= {"regions": False, "dropout": 0.1}
        return MultiTaskNetwork(**{"training": TRAINING, "options": sizes, **places, **options})


def test_patients_held_out_are_chosen_and_judged_by_labels_that_are_true(study):
    model = study.model(training={**SHORT, "validation": 0.3})
    bench = Workbench.of(model)
    spec = replace(bench.spec, options=model._net_options(len(NAMES), 1, [SIDE] * 3, [2], 0))
    rows = SampleRows(study.crops, NAMES, point(study.crops, study.X, list(NAMES))[0], np.ones((N, len(NAMES))))
    true = study.y[["idh"]].to_numpy()
    filled = np.where(np.isnan(true), study.truth.to_numpy()[:, None], true)

    def task(labels):
        own = rows, labels, rows.sample_ids, 0, {"idh": 2}, TaskPlan(), None
        return MultiTaskTraining.of(spec, *own, true=true)

    plain, held = task(filled), task(true).held
    assert (plain.held == held).all() and not np.isnan(true[held]).any()
    otherwise = filled.copy()
    otherwise[held] = 1 - otherwise[held]  # as if a first network had been wrong of all of them
    trained = [bench.cache.of_task(one).card["history"] for one in (plain, task(otherwise))]
    assert trained[0]["validation_losses"] == trained[1]["validation_losses"] != []


def test_pseudo_labels_are_of_training_patients_without_a_label_and_a_new_network_learns_from_them(study):
    rows = slice(0, 24)
    first = study.model().fit(study.X[rows], study.y[rows])
    model = study.model(self_training=EVERY_STAGE["self_training"]).fit(study.X[rows], study.y[rows])
    told = model.pseudo_labels_
    assert first.pseudo_labels_ is None
    assert set(told["sample"]) == set(study.y.index[rows][study.y["idh"][rows].isna()])
    assert set(told["outcome"]) == {"idh"} and told["kept"].any()
    right = told["class"].to_numpy() == study.truth[told["sample"]].to_numpy()
    assert right[told["kept"]].mean() > 0.8
    assert model.encoder_.key != first.encoder_.key
    assert model.findings_of("idh").chosen == {"self_training": {"pseudo_labels": f"{told['kept'].sum()} of 16"}}
    assert model.findings_of("grade").chosen == {"self_training": {"pseudo_labels": "0 of 0"}}
    assert set(model.encoder_.card["training_ids"]) == set(study.X.index[rows])


def test_known_labels_alone_leave_the_first_network_as_it_is(study):
    whole = study.y.assign(idh=study.truth)
    first = study.model(training=SHORT).fit(study.X[:24], whole[:24])
    again = study.model(training=SHORT, self_training=True).fit(study.X[:24], whole[:24])
    assert again.encoder_.key == first.encoder_.key and again.pseudo_labels_.empty


@pytest.mark.filterwarnings("ignore:The second stage of")
def test_every_stage_at_once_gives_the_same_numbers_twice_and_answers_from_any_sequences(study, tmp_path):
    rows, new = slice(0, 24), study.X[24:].copy()
    new.iloc[0, 1:], new.iloc[1, [0, 2]] = np.nan, np.nan
    answers = []
    for cache in (tmp_path / "one", tmp_path / "other"):
        model = study.model(**EVERY_STAGE, training=SHORT, cache=cache).fit(study.X[rows], study.y[rows])
        answers.append(model.predict_proba(new))
    assert [one.shape for one in answers[0]] == [(8, 2), (8, 2)]
    assert np.isfinite(answers[0]).all() and np.array_equal(*answers)
    history = model.encoder_.card["history"]
    assert len(history["pretraining_losses"]) == 2 and len(history["task_losses"]["between_passes"]) == 4


@pytest.mark.filterwarnings("ignore:The second stage of")
def test_labels_that_mean_nothing_are_told_as_such_with_every_stage_on(study):
    labels = pd.DataFrame({"idh": np.random.default_rng(3).permutation(study.truth)}, study.X.index)
    answers = np.full(N, np.nan)
    for test in (np.arange(N) % 2 == (np.arange(N) // 4) % 2, np.arange(N) % 2 != (np.arange(N) // 4) % 2):
        shown = labels[~test].where(np.arange((~test).sum())[:, None] % 3 > 0)
        answers[test] = (
            study.model(**EVERY_STAGE, training=SHORT).fit(study.X[~test], shown).predict_proba(study.X[test])[0][:, 1]
        )
    found = auc_interval(labels["idh"].astype(int), answers)
    assert found.low < 0.5 < found.high


def test_stages_that_do_not_go_together_or_are_none_are_refused(study):
    for wrong, said in [
        ({"self_distillation": True, "modality_dropout": True}, "Leave modality_dropout out"),
        ({"self_distillation": {"wait": 2}}, "No training option of self_distillation is called 'wait'"),
        ({"pretraining": {"epochs": 0}}, "pretraining.epochs is 0; expected a whole number"),
        ({"self_training": {"outcomes": {"mgmt": {}}}}, "a gate of 'mgmt', which is none of the outcomes idh, grade"),
        ({"self_training": {"negative": 0.05}}, "negative pseudo-labels are not offered for networks"),
        ({"self_training": True, "dropout": 0.0}, "and dropout is 0. Set it"),
    ]:
        with pytest.raises(RequestError, match=said):
            study.model(**wrong).fit(study.X, study.y)
