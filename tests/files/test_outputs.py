"""What may be written, asked before the work begins."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.commands.extract import app as extract
from radiofuse.commands.predict import app as predict
from radiofuse.datasets import make_phantom_cohort
from radiofuse.errors import BundleError, RequestError
from radiofuse.experiment.run import run_recipe
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.files.aside import write_aside
from radiofuse.files.outputs import UNFINISHED, is_failures, is_page, is_stream, require_file, require_own_tables
from radiofuse.selection_run.request import SelectionRequest

RECIPE = """
[cohort]
table = "features.csv"
label = "idh"
[fusion]
combine = ["mean"]
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with a table of ready-made features, a recipe, and the finished run in out/."""
    folder, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    rows = pd.DataFrame({"sample_id": [f"s{number:02d}" for number in range(24)], "idh": [0, 1] * 12})
    values = pd.DataFrame(rng.normal(size=(24, 6)) + rows[["idh"]].to_numpy(), columns=[f"t1__f{i}" for i in range(6)])
    rows.join(values).to_csv(folder / "features.csv", index=False)
    (folder / "study.toml").write_text(RECIPE)
    run_recipe(folder / "study.toml", out=folder / "out", store=folder / "store")
    new = rows.head(3).assign(sample_id=["n1", "n2", "n3"])
    new.join(values.head(3) + 0.1).drop(columns="idh").to_csv(folder / "new.csv", index=False)
    return folder


def ask(study: Path, *words: str | Path):
    options = [study / "out", study / "new.csv", "--store", study / "store", *words]
    return CliRunner().invoke(predict, list(map(str, options)))


def test_a_file_that_predict_wrote_is_replaced_and_any_other_is_not_unless_asked(study, tmp_path):
    out = tmp_path / "p.csv"
    assert [ask(study, "--out", out).exit_code for _ in range(2)] == [0, 0]
    first = out.read_bytes()
    for foreign in ("mine", "sample_id,patient_id\n1,2\n", ""):
        out.write_text(foreign)
        refused = ask(study, "--out", out)
        assert (refused.exit_code, out.read_text()) == (2, foreign)
        assert "--overwrite" in refused.stderr
    assert ask(study, "--out", out, "--overwrite").exit_code == 0
    assert out.read_bytes() == first


def test_the_table_of_failures_replaces_no_input_and_nothing_foreign(study, tmp_path):
    cohort = tmp_path / "new_failures.csv"
    cohort.write_bytes((study / "new.csv").read_bytes())
    for words in ([cohort], [cohort, "--overwrite"]):
        refused = CliRunner().invoke(
            predict, [str(study / "out"), *map(str, words), "--out", str(tmp_path / "new.csv")]
        )
        assert refused.exit_code == 2
        assert "is the input" in refused.stderr
    (tmp_path / "p_failures.csv").write_text("mine")
    refused = ask(study, "--out", tmp_path / "p.csv")
    assert refused.exit_code == 2
    assert "p_failures.csv exists" in refused.stderr
    (tmp_path / "p_failures.csv").write_text(",".join(FAILURE_COLUMNS) + "\n")
    assert ask(study, "--out", tmp_path / "p.csv").exit_code == 0


def test_a_dash_writes_to_the_standard_output_and_nothing_else_goes_there(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written, printed = ask(study, "--out", "p.csv"), ask(study, "--out", "-")
    assert (written.exit_code, printed.exit_code) == (0, 0)
    assert printed.stdout == Path("p.csv").read_text()
    assert len(pd.read_csv(io.StringIO(printed.stdout))) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_names_of_open_files_are_streams_and_a_folder_under_dev_is_not(tmp_path):
    assert all(is_stream(Path(name)) for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/3", "/dev/null"))
    assert not any(is_stream(Path(name)) for name in ("/dev/shm/x.csv", tmp_path / "-", tmp_path))


def test_nothing_is_written_into_a_bundle(study, tmp_path):
    bundle = study / "out" / "bundle"
    before = sorted(bundle.rglob("*"))
    for words in (["--out", bundle / "p.csv"], ["--out", bundle / "new" / "p.csv"]):
        refused = ask(study, *words)
        assert refused.exit_code == 2
        assert "inside the bundle" in refused.stderr
    refused = CliRunner().invoke(predict, [str(bundle), str(study / "new.csv"), "--out", "-", "--store", str(bundle)])
    assert "--store" in refused.stderr
    for words in (["--failures", bundle / "f.csv"], ["--store", bundle / "store"], ["--maps", bundle]):
        refused = CliRunner().invoke(extract, [str(study / "new.csv"), *map(str, words)])
        assert (refused.exit_code, "inside the bundle" in refused.stderr) == (2, True)
    with pytest.raises(RequestError, match="inside the bundle"):
        run_recipe(study / "study.toml", out=bundle, store=study / "store")
    assert sorted(bundle.rglob("*")) == before


def test_images_masks_and_the_files_of_a_recipe_are_inputs(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("i.nii", "m.nii"):
        Path(name).write_text("kept")
    Path("cohort.csv").write_text("sample_id,t1__image,t1__mask\na,i.nii,m.nii\n")
    Path("participants.tsv").write_text("participant_id\tidh\na\t1\n")
    Path("my.json").write_text("{}")
    named = 'table = "cohort.csv"\nparticipants = "participants.tsv"\nlabel = "idh"\n[radiomics]\nsettings = "my.json"'
    Path("study.toml").write_text(f"[cohort]\n{named}")
    calls = [(extract, ["cohort.csv", "--failures"], name) for name in ("i.nii", "m.nii", "cohort.csv")]
    calls += [(extract, ["cohort.csv", "--perturb", "2", "--perturb-out"], "i.nii")]
    files = ("cohort.csv", "participants.tsv", "my.json", "study.toml")
    calls += [(extract, ["--recipe", "study.toml", "--failures"], name) for name in files]
    calls += [(predict, [str(study / "out"), "cohort.csv", "--out"], name) for name in ("i.nii", "m.nii")]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for app, words, name in calls:
        refused = CliRunner().invoke(app, [*words, name, "--overwrite"])
        assert (refused.exit_code, "is the input" in refused.stderr) == (2, True), (words, name)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_place_that_may_not_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(RequestError, match="may not be written to"):
        require_file(tmp_path / "new" / "p.csv", "--out")


def test_a_page_of_anybody_else_is_not_replaced_by_a_run(study, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<!DOCTYPE html><p>mine")
    with pytest.raises(RequestError, match="--overwrite"):
        run_recipe(study / "study.toml", out=tmp_path, store=study / "store")
    assert page.read_text() == "<!DOCTYPE html><p>mine"
    assert is_page(study / "out" / "report.html")


def test_the_header_of_a_table_of_failures_is_known(tmp_path):
    pd.DataFrame(columns=FAILURE_COLUMNS).to_csv(tmp_path / "f.csv", index=False)
    assert is_failures(tmp_path / "f.csv")


def test_an_input_is_no_output_under_any_of_its_names(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("kept")
    (tmp_path / "link.csv").symlink_to(table)
    os.link(table, tmp_path / "hard.csv")
    for name in ("mine.csv", "link.csv", "hard.csv", f"../{tmp_path.name}/mine.csv"):
        with pytest.raises(RequestError, match="is the input"):
            require_file(tmp_path / name, "--out", [None, table])
    require_file(tmp_path / "new" / "other.csv", "--out", [table])


def test_two_outputs_at_one_place_are_refused(study, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    words = [str(study / "features.csv"), "--perturb", "2", "--failures", str(tmp_path / "a.csv")]
    for name in ("a.csv", "link.csv", "new/../a.csv"):
        refused = CliRunner().invoke(extract, [*words, "--perturb-out", str(tmp_path / name)])
        assert (refused.exit_code, "name the same place" in refused.stderr) == (2, True)
    for store in ("out/bundle", "out/bundle/store", "out/report.html"):
        with pytest.raises(RequestError, match="name the same place|replaced as a whole"):
            run_recipe(study / "study.toml", out=tmp_path / "out", store=tmp_path / store)
    assert [path.name for path in tmp_path.iterdir()] == ["link.csv"]


def test_the_home_folder_is_found_where_the_shell_left_its_sign(study, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    done = ask(study, "--out=~/p.csv")
    assert done.exit_code == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
    request = SelectionRequest("idh", features=("t1=~/a.csv",))
    assert request.modality_files == {"t1": tmp_path / "a.csv"}


def test_a_bundle_that_is_a_link_is_replaced_and_what_it_led_to_stays(study, tmp_path):
    (tmp_path / "bundle").symlink_to(study / "out" / "bundle")
    before = sorted((study / "out" / "bundle").iterdir())
    run_recipe(study / "study.toml", out=tmp_path, store=study / "store", report=False)
    assert not (tmp_path / "bundle").is_symlink()
    assert sorted((study / "out" / "bundle").iterdir()) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    shutil.rmtree(tmp_path / "bundle")
    (tmp_path / "bundle").symlink_to("gone")
    with pytest.raises(BundleError, match="a link to gone, which is not there"):
        run_recipe(study / "study.toml", out=tmp_path, store=study / "store")


@pytest.mark.parametrize("name", ["", ".", "mine.csv", "mine.csv/below"])
def test_commands_refuse_before_they_work(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("kept")
    for app, words in ((predict, ["b", "mine.csv", "--out", name]), (extract, ["mine.csv", "--failures", name])):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        assert words[-2] in result.stderr
        assert Path("mine.csv").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_devices_are_written_through():
    with write_aside(Path("/dev/null")) as file:
        file.write(b"gone")
    assert Path("/dev/null").is_char_device()


def test_maps_are_not_written_among_images_of_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("maps/a/t1").mkdir(parents=True)
    image = Path("maps/a/t1/original_firstorder_Mean.nii.gz")
    image.write_text("kept")
    Path("cohort.csv").write_text(f"sample_id,t1__image,t1__mask\na,{image},m.nii\n")
    refused = CliRunner().invoke(extract, ["cohort.csv", "--maps", "maps"])
    assert (refused.exit_code, image.read_text()) == (2, "kept")
    assert "named as a map is" in refused.stderr


def test_a_phantom_replaces_a_phantom_and_no_other_table(tmp_path):
    (tmp_path / "cohort.csv").write_text("mine")
    (tmp_path / "SYNTHETIC.md").write_text("# Synthetic data, mine")
    with pytest.raises(RequestError, match="--overwrite"):
        make_phantom_cohort(tmp_path, n_patients=8)
    assert (tmp_path / "cohort.csv").read_text() == "mine"
    for overwrite in (True, False):
        make_phantom_cohort(tmp_path, n_patients=8, overwrite=overwrite)


def test_tables_of_others_are_not_replaced(tmp_path):
    names, record = ["predictions.csv", "report.html"], "selection.json"
    require_own_tables(tmp_path / "new", names, record)
    (tmp_path / "predictions.csv").write_text("mine")
    with pytest.raises(RequestError, match=r"holds predictions\.csv,"):
        require_own_tables(tmp_path, names, record)
    (tmp_path / record).write_text("[]")
    with pytest.raises(RequestError, match=r"selection\.json"):
        require_own_tables(tmp_path, names, record)
    require_own_tables(tmp_path, names, record, overwrite=True)
    with pytest.raises(RequestError, match="is the input"):
        require_own_tables(tmp_path, names, record, [tmp_path / "predictions.csv"], overwrite=True)
    listed = {"predictions.csv": hashlib.sha256(b"mine").hexdigest()}
    (tmp_path / record).write_text(json.dumps({"folds_planned": 5, "files": listed}))
    require_own_tables(tmp_path, names, record)
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(RequestError, match=r"holds report\.html,"):
        require_own_tables(tmp_path, names, record)
    (tmp_path / UNFINISHED).write_text(json.dumps(names))  # a run that was killed while it wrote
    require_own_tables(tmp_path, names, record)
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RequestError, match=r"holds report\.html,"):
        require_own_tables(tmp_path, names, record, overwrite=True)


def test_a_description_that_lacks_an_entry_is_a_sentence_of_predict(study, tmp_path):
    shutil.copytree(study / "out", tmp_path / "out")
    bundle = tmp_path / "out" / "bundle"
    about, manifest = (json.loads((bundle / f"{name}.json").read_text()) for name in ("bundle", "manifest"))
    for change, said in (
        ({"columns": None}, "bundle.json, columns: a list was expected, got None"),
        ({"settings": {}}, "settings in bundle.json lacks the entry radiomics"),
        ({"protocol": {}}, "protocol in bundle.json lacks the entry primary"),
    ):
        (bundle / "bundle.json").write_text(json.dumps(about | change))
        manifest["files"]["bundle.json"] = hashlib.sha256((bundle / "bundle.json").read_bytes()).hexdigest()
        (bundle / "manifest.json").write_text(json.dumps(manifest))
        refused = CliRunner().invoke(predict, [str(bundle), str(study / "new.csv"), "--out", str(tmp_path / "p.csv")])
        assert (refused.exit_code, said in refused.stderr) == (3, True), (refused.stderr, refused.exception)


def test_a_run_with_a_closed_standard_error_writes_its_outputs(study, tmp_path):
    command = f"'{sys.executable}' -m radiofuse.run '{study / 'study.toml'}' --out out 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bundle", "report.html", "report.json"]


def test_a_base_install_runs_without_the_report(study, tmp_path):
    """Without matplotlib and jinja2 a run is refused at once, and --no-report does all but the page."""
    hidden = "import sys\nfor name in ('matplotlib', 'jinja2'): sys.modules[name] = None\n"
    (tmp_path / "base.py").write_text(
        f"{hidden}import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name: None if name in ('matplotlib', 'jinja2') else find(name)\n"
        "from radiofuse.run import app\napp()\n"
    )
    words = [sys.executable, "base.py", str(study / "study.toml"), "--out", "out"]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 120, "check": False}
    refused = subprocess.run(words, **options)
    assert (refused.returncode, "--no-report" in refused.stderr) == (2, True)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    shutil.copy(study / "out" / "report.html", tmp_path / "out")  # of an earlier run
    done = subprocess.run([*words, "--no-report"], **options)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bundle"]
    assert "Report:" not in done.stdout
