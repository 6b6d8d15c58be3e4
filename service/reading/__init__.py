"""From bytes to a reading, in plain Python: no HTTP, no TensorFlow."""
