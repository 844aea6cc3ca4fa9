"""Many images without a server: where they are, how they are shared out, and where the answers go."""
