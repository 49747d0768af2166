"""An encoder of your own: any torch module with ``embed``, trained inside the folds like a built-in one."""

from torch import nn

from radiofuse import (
    FeatureStore,
    LateFusion,
    cross_validated_predictions,
    modality_classifier,
    read_cohort,
    score_predictions,
)
from radiofuse.datasets import make_phantom_cohort
from radiofuse.deep import CropEncoder
from radiofuse.extract import collect_crops
from radiofuse.imaging import Cropping

STORE = "out/example_store"


class TwoConvolutions(nn.Module):
    """Sixteen numbers per crop, and two logits read off them."""

    embedding_dim = 16

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.classify = nn.Linear(16, 2)

    def embed(self, x):
        return self.body(x).flatten(1)  # (n, 1, 32, 32) -> (n, 16)

    def forward(self, x):
        return self.classify(self.embed(x))  # (n, 2)


def main() -> None:
    cohort = read_cohort(make_phantom_cohort("out/example_phantom", n_patients=40), labels="idh")
    crops = collect_crops(cohort, Cropping(size=32), FeatureStore(STORE), label="any", n_jobs=2).crops
    table = crops.pointer_table()[["t1ce__crop", "flair__crop"]].dropna(how="all")
    rows = cohort.set_index("sample_id").loc[table.index].query("idh.notna()")

    # In a recipe: [deep] encoder = "my_package.my_module:TwoConvolutions"
    encoder = CropEncoder(
        "own_encoder:TwoConvolutions",
        crops=crops,
        cache=STORE,
        cv=3,
        training={"epochs": 15, "learning_rate": 0.003},
        random_state=0,
    )
    members = [(name, modality_classifier("logistic", encoder=encoder, random_state=0)) for name in ("t1ce", "flair")]
    predictions = cross_validated_predictions(
        LateFusion(members, combine="mean", cv=2, random_state=0),
        table.loc[rows.index],
        rows["idh"].astype(int),
        groups=rows["patient_id"],
        cv=3,
        random_state=0,
    )
    scores = score_predictions(predictions)
    print(scores[scores["metric"] == "auc"].round(2).to_string(index=False))


if __name__ == "__main__":
    main()
