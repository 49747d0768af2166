"""Do two states of the code give the same numbers? Record the results of one, then compare those of the other.

Run as ``python benchmarks/same_results.py record FOLDER`` before a change and ``... compare FOLDER`` after it. Five
jobs are run as a user runs them: two recipes, a small cohort with encoders, and two selections. Every table and every
text of theirs is compared to the last digit; of tables, the columns that both sides have, and what is new or gone is
named. The recipe on real images is left out where ``RADIOFUSE_DATA`` is unset.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
# What holds a date, the name of a folder, how long something took, or bytes that depend on how a model is kept.
LEFT_OUT = {"report.html", "model.json", "model.bin", "manifest.json", "card.md", "run_times.csv"}
# What earlier states called what stands in a selection's files today, so that their recordings can be compared still.
RENAMED = {b",passed_mwu,": b",passed_test,", b'"cautions":': b'"warnings":'}
MODULES_OF_COMMANDS = {"run": "radiofuse.run", "select": "radiofuse.select"}

DEEP_RECIPE = """
seed = 3
[cohort]
phantom = { n_patients = 20, seed = 1 }
label = "idh"
[deep]
encoder = "san10_small"
join = "columns"
folds = 2
size = 64
training = { epochs = 1, batch_size = 8 }
[fusion]
combine = ["linear_regression", "mean"]
inner_folds = 2
constrained = ["method3"]
constrained_options = { epochs = 20 }
[evaluation]
folds = 3
repeats = 1
resamples = 100
arms = ["deep", "radiomics"]
"""


def radiofuse(command: str, *arguments: str, at: Path) -> None:
    """Run a command of radiofuse in the folder ``at``."""
    call = [sys.executable, "-m", MODULES_OF_COMMANDS[command], *arguments]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    subprocess.run(call, cwd=at, check=True, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.DEVNULL)


def feature_table(path: Path, *, n_samples: int, n_features: int, seed: int) -> None:
    """Write a table of two modalities with gaps, sites, a covariate and two samples of some patients."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n_samples) % 2)
    values = rng.normal(size=(n_samples, n_features)) + np.outer(label, rng.normal(size=n_features) / 3)
    values[:, n_features // 2 :] += values[:, : n_features - n_features // 2]
    names = [f"{'t1' if i % 2 else 'flair'}__feature_{i:03d}" for i in range(n_features)]
    table = pd.DataFrame(values, columns=names).mask(rng.random(values.shape) < 0.01)
    patients = [f"p{i // 2:03d}" if i < 8 else f"p{i:03d}" for i in range(n_samples)]
    label[1:8:2] = label[0:8:2]
    site = rng.choice(["north", "south"], n_samples)
    age = rng.normal(50, 10, n_samples).round(1)
    front = {"sample_id": [f"s{i:03d}" for i in range(n_samples)], "patient_id": patients, "site": site}
    pd.concat([pd.DataFrame({**front, "age": age, "grade": label}), table], axis=1).to_csv(path, index=False)


def run_jobs(folder: Path) -> None:
    """Run every job; what each leaves lies in a folder of its own."""
    folder.mkdir(parents=True)
    store = ["--store", "store", "--jobs", "2"]
    for recipe in ["demo", *(["idh_tcga"] if "RADIOFUSE_DATA" in os.environ else [])]:
        radiofuse("run", str(ROOT / "pipelines" / f"{recipe}.toml"), "--out", recipe, *store, at=folder)
    (folder / "deep.toml").write_text(DEEP_RECIPE)
    radiofuse("run", "deep.toml", "--out", "deep", *store, at=folder)
    feature_table(folder / "features.csv", n_samples=80, n_features=120, seed=4)
    select = ["features.csv", "--label", "grade", "--ignore", "age", "--repeats", "2"]
    radiofuse("select", *select, "--ignore", "site", "--out", "selection", at=folder)
    harmonized = ["--site", "site", "--covariates", "age", "--adjust", "bh", "--alpha", "0.2", "--family", "binomial"]
    steps = ["--steps", "mannwhitney,correlation,lasso", "--r", "0.8", "--rule", "1se", "--prune-order", "first"]
    radiofuse("select", *select[:3], *harmonized, *steps, "--repeats", "2", "--out", "harmonized", at=folder)
    shutil.rmtree(folder / "store")


def results(folder: Path) -> dict[str, bytes]:
    """Return the content of every table and text, by its path in ``folder``."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".csv", ".json", ".toml"})
    return {str(path.relative_to(folder)): _content(path) for path in files if path.name not in LEFT_OUT}


def _content(path: Path) -> bytes:
    """Return the bytes of a file under today's names; the digests of tables say nothing that the tables do not."""
    content = path.read_bytes()
    for old, new in RENAMED.items():
        content = content.replace(old, new)
    if path.name == "selection.json":
        content = re.sub(rb'("\w+\.(?:csv|html)": )"[0-9a-f]{64}"', rb"\1", content)
    return content


def difference(name: str, before: bytes, after: bytes) -> str:
    """Name the first line that differs; nothing if none does. Of a table the columns that both sides have count."""
    if name.endswith(".csv"):
        before, after = _shared_columns(before, after)
    if before == after:
        return ""
    pairs = enumerate(zip(before.splitlines(), after.splitlines(), strict=False), 1)
    number, (old, new) = next(((n, pair) for n, pair in pairs if pair[0] != pair[1]), (0, (b"", b"")))
    if not number:
        return f"{len(before.splitlines())} lines before, {len(after.splitlines())} after"
    return f"line {number}: {old[:200].decode()!r} before, {new[:200].decode()!r} after"


def _shared_columns(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Return two tables, every cell as it is written, without the columns that only one of them has."""
    tables = [read_text(content) for content in (before, after)]
    names = [name for name in tables[0] if name in tables[1]]
    return tuple(table[names].to_csv(index=False).encode() for table in tables)


def read_text(content: bytes) -> pd.DataFrame:
    """Return a table with every cell as it is written."""
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)


def changed_columns(before: bytes, after: bytes) -> str:
    """Name the columns that only one of two tables has."""
    old, new = (list(read_text(content)) for content in (before, after))
    gone, fresh = [name for name in old if name not in new], [name for name in new if name not in old]
    return "; ".join(f"{what} {', '.join(names)}" for what, names in (("new:", fresh), ("gone:", gone)) if names)


def compare(recorded: Path, fresh: Path) -> int:
    """Print what differs; return the number of files that do."""
    before, after = results(recorded), results(fresh)
    told = {name: difference(name, before[name], after[name]) for name in before if name in after}
    told |= dict.fromkeys(set(before) - set(after), "is not written any more")
    differing = [name for name in before if told[name]]
    for name in differing:
        print(f"{name}: {told[name]}")
    for name in sorted(set(after) - set(before)):
        print(f"{name}: is new")
    for name in (name for name in before if name in after and name.endswith(".csv")):
        if moved := changed_columns(before[name], after[name]):
            print(f"{name}: columns {moved}")
    print(f"{len(before) - len(differing)} of {len(before)} files are the same to the last digit")
    return len(differing)


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in ("record", "compare"):
        raise SystemExit("Usage: python benchmarks/same_results.py record|compare FOLDER")
    action, recorded = sys.argv[1], Path(sys.argv[2]).resolve()
    if action == "record":
        run_jobs(recorded)
        return
    with tempfile.TemporaryDirectory() as scratch:
        run_jobs(Path(scratch) / "fresh")
        raise SystemExit(compare(recorded, Path(scratch) / "fresh") > 0)


if __name__ == "__main__":
    main()
