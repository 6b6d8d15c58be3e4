"""Digits' HTTP service: a picture of handwriting in, the digit and an honest confidence out."""
