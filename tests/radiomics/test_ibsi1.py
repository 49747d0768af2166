"""IBSI-1's phantoms: every reference value of every configuration, from one parameter file each.

Consensus values and tolerances: Zwanenburg et al. 2020, Radiology 295:328 (doi:10.1148/radiol.2020191145).
``pytest tests/radiomics/test_ibsi1.py -s`` prints how many of each family lie within tolerance.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

# The reference table contradicts itself here: a zone matrix by size and one by distance hold the same zones, so that
# their non-uniformity of gray levels is one number. It has 82.2 +- 0.1 for the one and 82.6 +- 0.1 for the other, each
# by three to five teams. Ours, 82.23, is the first, and with it the second matrix misses seven of its sixteen values.
CONTRADICTED = {"config_A": {f"dzm_{name}_2D" for name in ("lde", "lgze", "sdlge", "ldhge", "glnu", "zdnu", "zd_var")}}


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("ibsi1")
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.data
@pytest.mark.parametrize(
    "run",
    [
        "digital_phantom",
        "config_A",
        "config_C",
        "config_E",
        *(pytest.param(f"config_{letter}", marks=pytest.mark.thorough) for letter in "BD"),
    ],
)
def test_every_reference_value_is_met(data_dir, script, run):
    table = script.compared(data_dir / "ibsi", run)
    print(f"\n{run}\n{script.counts(table).to_string()}")
    off = table[table["state"] != "within"]
    assert set(off["tag"]) == CONTRADICTED.get(run, set()), off[["tag", "value", "benchmark_value", "tolerance"]]
    assert not (table["state"] == "absent").any()
    sheet = script.sheet(table)
    assert list(sheet["tag"]) == list(table["tag"]) and sheet["value"].notna().all()
