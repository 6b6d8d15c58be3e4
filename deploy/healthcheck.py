"""The container's health check: exit status 0 when the service is ready to read, asked over loopback."""

import os
import sys
import urllib.error
import urllib.request

port = os.environ.get("DIGITS_PORT") or os.environ.get("PORT") or "8000"
try:
    with urllib.request.urlopen(f"http://127.0.0.1:{int(port)}/readyz", timeout=2) as answer:
        sys.exit(0 if answer.status == 200 else 1)
except (OSError, ValueError) as error:
    sys.exit(f"not ready: {error}")
