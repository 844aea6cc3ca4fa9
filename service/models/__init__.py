"""Versions of the model on disk, loaded and kept as they are on disk."""
