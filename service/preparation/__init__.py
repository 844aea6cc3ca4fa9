"""A picture file becomes a digit: decoded, found and normalized to 28x28."""
