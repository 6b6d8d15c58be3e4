"""Freed memory goes back to the system where the C library can do that."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from service.model.memory import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

kept = [bytes(50_000) for _ in range(2_000)]
last = bytes(50_000)
full = resident()
del kept
give_back()
assert full - resident() > 80_000_000, (full, resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is glibc's")
def test_what_was_freed_is_given_back() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
