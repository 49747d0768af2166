"""What the steps of a member before its classifier make of its rows: the features that a network fuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import delayed
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_fusion import in_one_thread
from radiofuse.work.shared_calls import shared_results


def steps_before_last(name: str, estimators: Sequence[tuple[str, Any]]) -> Pipeline:
    """Return a member's steps without its last one, the classifier."""
    chain = dict(estimators)[name]
    if not isinstance(chain, Pipeline) or len(chain) < 2:
        raise RequestError(
            f"Member {name!r} is {chain!r}; a fusion of features takes what the steps before the last one leave, "
            "and needs a Pipeline of two steps or more."
        )
    return chain[:-1]


def fit_steps(member: Member, y: np.ndarray, groups: np.ndarray | None) -> tuple[Any, Any]:
    """Return a member's fitted steps and what they leave of its rows; fusions of other branches have the same."""
    calls, names = [delayed(in_one_thread)(member.fit_transform, y, groups)], [f"member {member.name}"]
    ((steps, left),) = shared_results(calls, names, lambda: [member.key(y, groups, what="steps")], n_jobs=1)
    return steps, left


def checked_features(name: str, left: Any) -> np.ndarray:
    """Return what a member's steps left as finite numbers, shape (n_rows, n_selected), n_selected > 0."""
    if np.shape(left)[1] == 0:
        raise CohortError(
            "The training table",
            [
                f"The steps of member {name!r} select no feature, and the network needs one or more of each member. "
                "Let its selector keep at least one, or leave the modality out."
            ],
        )
    return check_array(left, dtype=np.float64, input_name=f"features of member {name!r}")
