"""Images are read: predictions, numbers, and what in an image mattered."""
