"""The C library's memory."""

from __future__ import annotations

import contextlib
import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)
_KEPT_BYTES = 32 << 20
_LARGE_BYTES = 8 << 20


def give_back() -> None:
    """Gives the system back what was freed. Takes some milliseconds; does nothing where the C library is not glibc.

    glibc keeps what is not at the end of its heaps, and loading a model leaves it 25 MB of that.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep() -> None:
    """Keeps some of what is freed for what is asked next, in a process that reads pictures all the time.

    glibc gives the system back any piece of some hundred kilobytes, and fetching the like of it anew, page by page, takes a seventh
    of the time of a photo. Pieces above 8 MB still come and go, and at the end of each heap 32 MB may stay. Whoever has set a
    `MALLOC_…` variable is left to it.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
