"""Images drawn by chance: letterforms, scenes, conditions, and images without a digit."""
