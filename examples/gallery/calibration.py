"""Whether a probability of 0.8 means eight of ten: observed against predicted shares of one model.

python examples/gallery/calibration.py out/idh_tcga/bundle docs/gallery/calibration.svg
"""

import sys
from pathlib import Path

import pandas as pd

from radiofuse.report import plot_calibration


def main(bundle: str, picture: str) -> None:
    predictions = pd.read_csv(Path(bundle) / "predictions.csv")
    plot_calibration(predictions, "mean").figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
