"""The page and the figures of a table of predictions that no bundle explains."""
