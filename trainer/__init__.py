"""Digits' trainer: MNIST and drawn pictures in, a versioned SavedModel out. Imports nothing of the service."""
