"""Where a network looks: attention, Grad-CAM and integrated gradients, and what such maps are held against."""
