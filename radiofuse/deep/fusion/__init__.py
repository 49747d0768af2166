"""Networks that fuse modalities."""
