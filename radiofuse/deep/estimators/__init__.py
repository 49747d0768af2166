"""Encoders as scikit-learn estimators, and how they find their crops."""
