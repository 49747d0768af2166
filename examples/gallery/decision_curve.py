"""Whether acting on a model helps: its net benefit beside treating everybody and nobody.

python examples/gallery/decision_curve.py out/idh_tcga/bundle docs/gallery/decision_curve.svg
"""

import sys
from pathlib import Path

import pandas as pd

from radiofuse.report import plot_decision_curve


def main(bundle: str, picture: str) -> None:
    predictions = pd.read_csv(Path(bundle) / "predictions.csv")
    plot_decision_curve(predictions, "mean").figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
