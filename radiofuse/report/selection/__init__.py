"""The page of a selection."""
