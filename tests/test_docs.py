"""The Python in the documents runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", ["selection.md"])
def test_snippets_run(name):
    snippets = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, name, "exec"), {})
