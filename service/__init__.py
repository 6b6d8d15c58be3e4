"""Digits' HTTP service: a picture of handwriting in, the digit and an honest confidence out."""

__version__ = "0.1.0"
