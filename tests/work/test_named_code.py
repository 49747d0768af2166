"""A worker with other code of somebody's own classes is refused, and no task changes what the next one reads."""

from __future__ import annotations

import io
import pickle
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.work import cluster as clusters
from radiofuse.work.named_code import OwnCode
from radiofuse.work.parcels import Parcels, pack_alone, unpack

FILES = {
    "ward_models/__init__.py": "",
    "ward_models/mean.py": (
        "from ward_models.parts import FACTOR\nclass Mean:\n    pass\ndef twice(shared, task):\n    return FACTOR\n"
    ),
    "ward_models/parts.py": "FACTOR = 2\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on the path with a package that this process, as a worker, imports first as it is."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ward_models").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    clusters._OWN.__dict__.clear()
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("ward_models")]:
        del sys.modules[name]


def pack(task: object):
    with Parcels(None).packing() as packing:
        return packing(task)


def do(function, task: object):
    content, own = pack_alone((function, None))
    return clusters._call(pickle.dumps((content, own, {}, [])), *pack(task))


def test_a_worker_that_imported_other_code_is_refused(folder):
    mean = import_module("ward_models.mean")
    assert do(mean.twice, 1) == 2
    (folder / "ward_models" / "parts.py").write_text("FACTOR = 3\n")
    with pytest.raises(RequestError, match=r"has other code of ward_models\.mean, or of .* and restart the workers"):
        do(mean.twice, 1)
    for task in (mean.Mean(), {"method": "ward_models.mean:Mean"}):
        assert list(pack(task)[2]) == ["ward_models.mean"]
        with pytest.raises(RequestError, match=r"has other code of ward_models\.mean"):
            clusters._call(pickle.dumps((pickle.dumps((id, None)), {}, {}, [])), *pack(task))
    with pytest.raises(RequestError, match=r"other code of ward_models\.parts"):  # read with the other, named later
        clusters.refuse_other_code(OwnCode().of(["ward_models.parts"]))
    with pytest.raises(RequestError, match="does not have the module ward_models.gone"):
        clusters.refuse_other_code({"ward_models.gone": "0"})


def test_what_installers_brought_is_known_by_its_version():
    assert pack({"step": pd.DataFrame, "text": "numpy:array", "note": "a:b"})[2] == {}


def test_no_task_changes_what_the_next_one_reads():
    tables = {"array": np.zeros(3), "table": pd.DataFrame({"a": [1.0, 2.0]})}

    class Naming(pickle.Pickler):
        def persistent_id(self, value):
            return next((key for key, table in tables.items() if value is table), None)

    Naming(file := io.BytesIO()).dump((tables["array"], tables["table"]))
    array, table = unpack(file.getvalue(), tables)
    with pytest.raises(ValueError, match="read-only"):
        array += 1
    table.iloc[0, 0] = 7.0
    table["b"] = 1
    again, unchanged = unpack(file.getvalue(), tables)
    np.testing.assert_array_equal(again, np.zeros(3))
    assert unchanged.to_dict("list") == {"a": [1.0, 2.0]}
    assert np.shares_memory(again, tables["array"])
