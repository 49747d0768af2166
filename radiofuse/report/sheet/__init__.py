"""The contact sheet of a cohort: one row per sample, pictures, numbers and what looks wrong."""
