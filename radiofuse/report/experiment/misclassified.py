"""Which samples the answer calls wrongly, by name and perhaps with pictures: only where this is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiofuse.imaging.portrait import Portrait
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.pictures import Picture
from radiofuse.report.sheet.page import strip_of
from radiofuse.wording import number, percent

MOST_SHOWN = 50
Portraits = Mapping[tuple[str, str], Portrait]  # by sample and modality


@dataclass(frozen=True)
class Case:
    """One sample that is called wrongly, as the page shows it."""

    sample_id: str
    of_class: str
    called: str
    probability: str  # of its own class
    wrong_in: str  # share of the repeats
    picture: Picture | None


def wrongly_called(contents: Contents) -> pd.DataFrame:
    """Return the samples that the mean answer of the repeats calls wrongly, the worst first.

    Of two classes the threshold is the one for new patients, chosen on all out-of-fold predictions; of several classes
    the most probable one is called.

    Returns
    -------
    DataFrame
        Columns sample_id, class, called, probability (of the own class) and wrong_in (the share of the repeats).
    """
    rows = contents.predictions[contents.predictions["model"] == contents.primary]
    if rows.empty:
        return pd.DataFrame(columns=["sample_id", "class", "called", "probability", "wrong_in"])
    P = rows.pivot_table(index=["sample_id", "repeat"], columns="class", values="probability", sort=False)
    label = rows.pivot_table(index="sample_id", columns="class", values="label", sort=False)
    P, label = P[list(contents.classes)], label[list(contents.classes)]
    classes, own = np.array(contents.outcome.classes), _places(contents, label.to_numpy(), 0.5)
    mean = P.groupby(level="sample_id", sort=False).mean()
    threshold = threshold_of(contents)
    called = _places(contents, mean.to_numpy(), threshold)
    each = pd.Series(_places(contents, P.to_numpy(), threshold), P.index)
    wrong = each != pd.Series(own, mean.index).reindex(P.index.get_level_values(0)).to_numpy()
    told = pd.DataFrame({"sample_id": mean.index, "class": classes[own], "called": classes[called]})
    told["probability"] = _of_class(contents, mean.to_numpy(), own)
    told["wrong_in"] = wrong.groupby(level=0, sort=False).mean().to_numpy()
    return told[own != called].sort_values(["probability", "sample_id"]).reset_index(drop=True)


def threshold_of(contents: Contents) -> float:
    """Return from which probability on new patients are called positive; 0.5 where none was chosen."""
    rows = contents.operating_points
    own = rows[(rows["model"] == contents.primary) & (rows["metric"] == "threshold")]
    return float(own["value"].iloc[0]) if len(own) else 0.5


def _places(contents: Contents, P: np.ndarray, threshold: float) -> np.ndarray:
    """Return the place of the class that each row is called."""
    return P.argmax(axis=1) if contents.has_several_classes else (P[:, 0] >= threshold).astype(int)


def _of_class(contents: Contents, P: np.ndarray, places: np.ndarray) -> np.ndarray:
    if contents.has_several_classes:
        return P[np.arange(len(P)), places]
    return np.where(places == 1, P[:, 0], 1 - P[:, 0])


def cases_of(contents: Contents, portraits: Portraits) -> list[Case]:
    """Return the first of the wrongly called samples, with their pictures where there are portraits of them."""
    modalities = list(dict.fromkeys(modality for _, modality in portraits))
    return [
        Case(
            row["sample_id"],
            row["class"],
            row["called"],
            number(row["probability"]),
            percent(row["wrong_in"]),
            _picture(row["sample_id"], modalities, portraits),
        )
        for _, row in wrongly_called(contents).head(MOST_SHOWN).iterrows()
    ]


def _picture(sample: str, modalities: list[str], portraits: Portraits) -> Picture | None:
    own = [portraits.get((sample, name)) for name in modalities]
    if not any(own):
        return None
    there = [name for name, one in zip(modalities, own, strict=True) if one is not None]
    return Picture(strip_of(own), f"Slices with most tumor of {sample}: {', '.join(there)}.", ", ".join(modalities))
