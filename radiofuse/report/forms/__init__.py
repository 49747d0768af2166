"""Reporting forms filled from a run's files: what the run says of each item, and what needs a human."""
