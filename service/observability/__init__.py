"""Metrics, the request log and the log's format."""
