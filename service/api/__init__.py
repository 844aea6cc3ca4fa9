"""The HTTP API: requests, keys, responses and errors, and their description."""
