"""The C library's memory."""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Gives the system back what was freed. Takes some milliseconds; does nothing where the C library is not glibc.

    glibc keeps what is not at the end of its heaps, and loading a model leaves it 25 MB of that.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
