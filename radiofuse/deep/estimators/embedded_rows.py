"""What the networks of fitted models make of rows' pictures: embeddings, for saying how alike pictures are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.deep.estimators.image_rows import known_columns, point
from radiofuse.deep.estimators.pointers import crop_column, find_crops
from radiofuse.deep.estimators.workbench import Workbench
from radiofuse.tables import columns

MOST_AXES = 4096  # pixels that are passed as they are have hundreds of thousands, and are no embedding


def embedded_rows(networks: Iterable[Any], X: pd.DataFrame) -> pd.DataFrame:
    """Return the embeddings of rows by each network, side by side.

    Of training rows too: they are not refused here, since nothing is learned from them and no answer given.

    Parameters
    ----------
    networks : iterable of estimators
        Those of a bundle in its order, each of which finds pictures; unfitted ones, and a second one with the same
        weights, are passed over.
    X : DataFrame of shape (n_samples, n_columns)
        With the columns ``<modality>__crop`` that they read.

    Returns
    -------
    DataFrame of shape (n_samples, n_axes)
        Columns ``<modality>__network1_0001`` and so on, a number for each network; NaN where a row has no picture.
    """
    parts, seen = [pd.DataFrame(index=X.index)], set[str]()
    for network in networks:
        trained = getattr(network, "encoder_", None)
        if trained is None or trained.key in seen:
            continue
        seen.add(trained.key)
        n_axes = trained.card["embedding_dim"]
        if n_axes <= MOST_AXES:
            name = "".join(getattr(network, "modalities_", None) or [network.modality])
            named = [columns.join(name, f"network{len(seen)}_{axis:04d}") for axis in range(1, n_axes + 1)]
            parts.append(pd.DataFrame(_embedded(network, X, n_axes), X.index, columns=named))
    return pd.concat(parts, axis=1)


def _embedded(network: Any, X: pd.DataFrame, n_axes: int) -> np.ndarray:
    bench, crops = Workbench.of(network), None
    if hasattr(network, "modalities_"):
        X = known_columns(X, network.feature_names_in_)
        pointers, places = point(bench.crops, X, network.modalities_)
        crops = network.as_samples(bench.crops, X.iloc[places], pointers)
        pointers = np.arange(len(places))
    else:
        pointers, places = find_crops(bench.crops, X[[crop_column(network.feature_names_in_)]])
    found = np.full((len(X), n_axes), np.nan)
    found[places] = replace(bench, crops=crops or bench.crops).answers(network.encoder_, pointers)[:, :n_axes]
    return found
