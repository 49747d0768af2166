"""The step reproducibility in a selection: ICCs by feature and modality, from the table of ``--icc``."""

from __future__ import annotations

import pandas as pd
import pytest

from radiofuse.commands.select import as_request
from radiofuse.errors import RequestError
from radiofuse.files.outputs import sha256_of
from radiofuse.selection_run.chain import make_chain
from radiofuse.selection_run.nested import fit_selections
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.run import find_kept, run_selection
from tests.selection_run.selection_cases import FAST, checked, request_for, two_modalities

STEPS = "reproducibility,mann_whitney"


@pytest.fixture
def rows():
    return two_modalities().drop(columns="t1__flat")


@pytest.fixture
def icc(rows, tmp_path):
    """A table in which t1__f0, the best feature, is not reproducible, while t2__f0 is."""
    names = [name.split("__") for name in rows if "__" in name]
    table = pd.DataFrame(names, columns=["modality", "feature"]).assign(icc=0.9, low=0.8)
    table.loc[(table["modality"] == "t1") & (table["feature"] == "f0"), "icc"] = 0.2
    path = tmp_path / "icc.csv"
    table.to_csv(path, index=False)
    return path


def test_what_is_not_reproducible_is_selected_nowhere(rows, icc):
    request = request_for(steps=STEPS, icc=icc)
    t1, t2 = fit_selections(checked(rows, request), request)
    assert t1.final.trace_.set_index("feature").loc["f0", ["step", "value"]].to_list() == ["reproducibility", 0.2]
    assert set(t1.final.get_feature_names_out()) == {"f1", "copy"}  # copy mirrors f0, and was measured as good
    assert not any(outcome.chosen[t1.block.X.columns.get_loc("f0")] for outcome in t1.outcomes)
    assert not (t2.final.trace_["step"] == "reproducibility").any()
    assert "f0" in t2.final.get_feature_names_out()


def test_a_table_of_bare_names_is_of_the_only_modality(rows, tmp_path):
    bare = rows[[name for name in rows if not name.startswith("t2__")]]
    path = tmp_path / "icc.csv"
    features = [name.partition("__")[2] for name in bare if "__" in name]
    pd.DataFrame({"feature": features, "icc": [0.1, *[0.9] * (len(features) - 1)]}).to_csv(path, index=False)
    request = request_for(steps=STEPS, icc=path)
    (result,) = fit_selections(checked(bare, request), request)
    assert result.final.trace_.set_index("step").loc["reproducibility", "feature"] == features[0]
    with pytest.raises(RequestError, match="The ICCs lack 21 of the features, the first is 't1__f0'"):
        fit_selections(checked(rows, request), request)


def test_the_table_is_an_input_and_what_was_kept_hangs_on_what_it_holds(rows, icc, tmp_path):
    rows.to_csv(tmp_path / "table.csv", index=False)
    options = {**FAST, "steps": STEPS, "icc": icc, "out": tmp_path / "out"}
    request = as_request(label="idh", table=tmp_path / "table.csv", **options)
    assert read_raw(request).inputs[str(icc)] == sha256_of(icc)
    assert f"--icc {icc}" in request.command
    table = checked(rows, request)
    assert (
        run_selection(table, request, find_kept(table, request)).record["flow"]["t1"]["steps"]["reproducibility"] == 20
    )
    assert len(find_kept(table, request).results) == 12  # two modalities, three folds, two repeats
    icc.write_text(icc.read_text().replace("0.2", "0.9"))
    assert find_kept(table, request).results == {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": STEPS}, "needs a table of ICCs: name one with --icc"),
        ({"steps": STEPS, "icc": "nowhere.csv"}, "There is no table of ICCs 'nowhere.csv'"),
        ({"steps": "lasso", "icc": "icc.csv"}, "--icc icc.csv is for the step reproducibility, which --steps lasso"),
    ],
)
def test_a_table_without_its_step_or_a_step_without_its_table_is_refused(options, sentence):
    with pytest.raises(RequestError, match=sentence):
        make_chain(request_for(**options))


def test_a_feature_that_was_not_measured_is_named_with_its_modality(rows, icc):
    icc.write_text("".join(line for line in icc.read_text().splitlines(True) if not line.startswith("t2,f3,")))
    request = request_for(steps=STEPS, icc=icc)
    with pytest.raises(RequestError, match="The ICCs lack 1 of the features, the first is 't2__f3'"):
        fit_selections(checked(rows, request), request)
