"""Versions of the model: stored on disk, loaded, and reloaded when they change on disk."""
