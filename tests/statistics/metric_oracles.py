"""Every metric by scikit-learn, as a function of labels, probabilities and weights."""

from __future__ import annotations

from sklearn import metrics as sk

ORACLES = {
    "auc": lambda y, p, w: sk.roc_auc_score(y, p, sample_weight=w),
    "accuracy": lambda y, p, w: sk.accuracy_score(y, p >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, p, w: sk.balanced_accuracy_score(y, p >= 0.5, sample_weight=w),
    "precision": lambda y, p, w: sk.precision_score(y, p >= 0.5, sample_weight=w, zero_division=0),
    "recall": lambda y, p, w: sk.recall_score(y, p >= 0.5, sample_weight=w),
    "specificity": lambda y, p, w: sk.recall_score(y, p >= 0.5, sample_weight=w, pos_label=0),
    "f1": lambda y, p, w: sk.f1_score(y, p >= 0.5, sample_weight=w, zero_division=0),
    "mcc": lambda y, p, w: sk.matthews_corrcoef(y, p >= 0.5, sample_weight=w),
    **{
        f"{mean}_{name}": lambda y, p, w, mean=mean, metric=metric: metric(
            y, p >= 0.5, sample_weight=w, average=mean, zero_division=0
        )
        for mean in ("macro", "weighted")
        for name, metric in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score))
    },
    "log_loss": lambda y, p, w: sk.log_loss(y, p, sample_weight=w, labels=[0, 1]),
    "brier": lambda y, p, w: sk.brier_score_loss(y, p, sample_weight=w),
}
