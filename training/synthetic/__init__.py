"""Images drawn at random: letterforms, scenes, conditions, and images without a digit."""
