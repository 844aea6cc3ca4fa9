"""The finder: its network, what it is fitted to, and its evaluation."""
