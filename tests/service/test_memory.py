"""Freed memory goes back to the system where the C library can do that, or is kept where it will be wanted again."""

from __future__ import annotations

import os
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


FAULTS = """
import resource
from service.model.memory import keep

keep()
for _ in range(100):
    bytearray(4_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is glibc's")
def test_what_was_freed_is_given_back() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is glibc's")
def test_what_is_asked_for_again_and_again_is_kept_unless_the_operator_has_a_say() -> None:
    def faults(**setting: str) -> int:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | setting
        done = subprocess.run(
            [sys.executable, "-c", FAULTS], env=environ, check=True, timeout=60, capture_output=True, text=True
        )
        return int(done.stdout)

    pages = 100 * 4_000_000 // os.sysconf("SC_PAGE_SIZE")
    assert faults(MALLOC_TRIM_THRESHOLD_="131072") - faults() > 0.9 * pages
