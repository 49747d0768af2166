"""A server for a ward or a lab: images of one patient in, a bundle's answer out, in a queue and behind a token."""
