"""Logs, metrics, traces and request ids: pure ASGI, and no more work for a request than it needs."""
