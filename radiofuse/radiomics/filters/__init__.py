"""Image filters, one file each: from a volume to the filtered values in a box."""
