"""Errors come back from worker processes as what they were."""

from __future__ import annotations

import pytest
from joblib import Parallel, delayed

from radiofuse.errors import BundleError, CohortError, ImageError, RequestError, StoreError, WorkerError

ERRORS = [
    CohortError("The table", ["one thing", "another"]),
    ImageError("empty_roi", "Nothing is there."),
    *(kind("A sentence.") for kind in (RequestError, StoreError, WorkerError, BundleError)),
]


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_in_a_worker_reaches_the_caller_whole(error):
    with pytest.raises(type(error)) as caught:
        Parallel(2)(delayed(fail)(error) for _ in range(2))
    assert str(caught.value) == str(error)
    assert vars(caught.value) == vars(error)
