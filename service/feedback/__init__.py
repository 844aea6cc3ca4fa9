"""Corrections: images that were misread, each kept in a folder with the digit that it shows."""
