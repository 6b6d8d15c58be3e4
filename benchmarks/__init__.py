"""Measurements of a running service; each prints the figures that the documentation quotes."""
