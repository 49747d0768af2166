"""One modality: images to features, features to an honest AUC. Runs on the synthetic phantom cohort."""

from radiofuse import (
    FeatureStore,
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
    X = table.filter(like="t1ce__").dropna()
    known = rows.loc[X.index, "idh"].notna()
    X, labels = X[known], rows.loc[X.index[known]]

    predictions = cross_validated_predictions(
        modality_classifier("logistic", random_state=0),
        X,
        labels["idh"].astype(int),
        groups=labels["patient_id"],
        cv=5,
        random_state=0,
    )
    print(score_predictions(predictions).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
