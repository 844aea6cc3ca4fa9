"""The reports of versions and finders."""
