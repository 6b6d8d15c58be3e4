"""Versions of the model: what is in an artifact, how it is run, batched and chosen. Knows no HTTP."""
