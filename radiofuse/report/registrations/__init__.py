"""A page of the figures of all registrations."""
