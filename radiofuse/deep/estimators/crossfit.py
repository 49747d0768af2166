"""What encoders say of the training rows whose patients they never saw, in the axes of one encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.deep.estimators.alignment import Alignment, fit_alignment
from radiofuse.deep.estimators.workbench import LabeledRows, Workbench
from radiofuse.deep.seen_rows import refuse_seen
from radiofuse.deep.weights import TrainedEncoder


def out_of_fold(
    bench: Workbench,
    rows: LabeledRows,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    encoders: Sequence[TrainedEncoder],
    in_sample: np.ndarray | None,
) -> tuple[np.ndarray, list[Alignment]]:
    """Return what the encoders that did not see a row's patient say of it, as `Workbench.answers` does.

    Parameters
    ----------
    bench : Workbench
    rows : LabeledRows
    folds, encoders : sequences of equal length
        Positions to train and test, and the encoder trained there.
    in_sample : ndarray or None
        What the encoder of all rows says of them: embeddings are turned to its axes, and the rotations returned.
    """
    answers, alignments, n_axes = [], [], encoders[0].card["embedding_dim"]
    for trained, (train, test) in zip(encoders, folds, strict=True):
        refuse_seen(trained, bench.crops, rows.pointers[test])
        answers.append(bench.answers(trained, rows.pointers[test]))
        if in_sample is not None:
            shown = bench.answers(trained, rows.pointers[train])
            alignments.append(fit_alignment(shown[:, :n_axes], in_sample[train, :n_axes]))
            answers[-1][:, :n_axes] = alignments[-1].apply(answers[-1][:, :n_axes])
    tested = np.concatenate([test for _, test in folds])
    return np.concatenate(answers)[np.argsort(tested)], alignments
