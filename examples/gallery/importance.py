"""Which features mattered in held-out folds, by two measures: the report's figures on axes of one's own.

python examples/gallery/importance.py out/idh_tcga/bundle docs/gallery/importance.svg
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from radiofuse.report import plot_importance

N_FEATURES = 8


def main(bundle: str, picture: str) -> None:
    features = pd.read_csv(Path(bundle) / "selected_features.csv").query("model == 'fusion'")

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    plot_importance(features, "importance", top=N_FEATURES, title="Permutation", ax=left)
    plot_importance(features, "shap", top=N_FEATURES, title="Shapley values", ax=right)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
