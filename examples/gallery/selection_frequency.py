"""Which features the folds chose, and how often: a figure of one's own from a table of the bundle.

python examples/gallery/selection_frequency.py out/idh_tcga/bundle docs/gallery/selection_frequency.svg
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

MODALITY, N_FEATURES = "t1ce", 12


def main(bundle: str, picture: str) -> None:
    table = pd.read_csv(Path(bundle) / "selected_features.csv").query("modality == @MODALITY")
    top = table.nlargest(N_FEATURES, "frequency").iloc[::-1]
    colors = top["in_final_model"].map({True: "0.25", False: "0.75"})

    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    axes.barh(top["feature"], top["frequency"], color=colors, edgecolor="0.25")
    axes.set(xlim=(0, 1), xlabel="Share of the folds that chose it", title=f"{MODALITY}: dark = in the final model")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
