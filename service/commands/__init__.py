"""What the larger commands of `python -m service` do."""
