"""The HTTP routes: thin, each a translation between HTTP and a call of `model`."""
