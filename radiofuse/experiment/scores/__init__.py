"""The tables of a run that are computed from its predictions, and from how its models were fitted."""
