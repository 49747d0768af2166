"""Four modalities: one classifier each, fused in four ways, beside each other in one table."""

from radiofuse import (
    FeatureStore,
    LateFusion,
    RadiomicsExtractor,
    collect_features,
    cross_validated_predictions,
    modality_classifier,
    read_cohort,
    score_predictions,
)
from radiofuse.datasets import make_phantom_cohort


def main() -> None:
    cohort = read_cohort(make_phantom_cohort("out/example_phantom", n_patients=30), labels="idh")
    extractor, store = RadiomicsExtractor("default", label="any"), FeatureStore("out/example_store")
    table = collect_features(cohort, extractor, store, n_jobs=2).table

    rows = cohort.set_index("sample_id")
    known = rows["idh"].notna()
    fusion = LateFusion(
        [(name, modality_classifier("logistic", random_state=0)) for name in ("t1", "t1ce", "t2", "flair")],
        combine=["mean", "vote", "regression", "nonnegative"],
        cv=3,
        random_state=0,
    )
    predictions = cross_validated_predictions(
        fusion, table[known], rows.loc[known, "idh"].astype(int), groups=rows.loc[known, "patient_id"], cv=3
    )
    scores = score_predictions(predictions)
    print(scores[scores["metric"] == "auc"].round(2).to_string(index=False))


if __name__ == "__main__":
    main()
