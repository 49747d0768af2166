"""Networks of several tasks at once, and what they learn from few labels and missing sequences."""
