"""Feature classes, one file each, with the matrices that they are computed from."""
