"""ROC curves of a run: one model with its band, the others beside it.

python examples/gallery/roc.py out/idh_tcga/bundle docs/gallery/roc.svg
"""

import sys
from pathlib import Path

import pandas as pd

from radiofuse.report import plot_roc


def main(bundle: str, picture: str) -> None:
    predictions = pd.read_csv(Path(bundle) / "predictions.csv")
    drawn = predictions[predictions["model"].isin(["mean", "t1ce", "t2", "clinical"])]
    plot_roc(drawn, "mean").figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
