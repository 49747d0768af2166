"""Folders of images as hospitals, challenges and archives lay them out: who has which image and mask."""
