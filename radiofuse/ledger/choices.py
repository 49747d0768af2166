"""The shortcuts by name, in the order in which they are shown."""

from __future__ import annotations

SHORTCUTS = {
    "selected_before": "radiofuse.ledger.selected_before:selected_before",
    "best_in_hindsight": "radiofuse.ledger.best_in_hindsight:best_in_hindsight",
    "tuned_threshold": "radiofuse.ledger.tuned_threshold:tuned_threshold",
    "encoder_of_all": "radiofuse.ledger.encoder_of_all:encoder_of_all",
    "weights_in_sample": "radiofuse.ledger.weights_in_sample:weights_in_sample",
}
