"""The page of an experiment: a bundle's tables and descriptions."""
