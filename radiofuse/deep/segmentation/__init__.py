"""Segmentation of tumors: a light 3-D U-Net, its loss, windows, flips, and what is kept of its answer."""
