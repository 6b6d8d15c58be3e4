"""Spoils bytes: bits, pieces, numbers, ends. All hangs on the random generator that is passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Random = np.random.Generator
T = TypeVar("T")

EDGES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x1FFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
)
"""Numbers at which something overflows, turns negative, or is much more than there is."""
HEAD = 64
"""Bytes at the beginning of a file in which what matters stands: half of all changes go there."""
LONGEST = 200_000
"""Bytes that a mutation leaves at most: what is larger says nothing new and takes long to send."""


def drawn(random: Random, choices: Sequence[T]) -> T:
    """One of them."""
    return choices[int(random.integers(len(choices)))]


def spoilt(data: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """`data` after one to four changes; `others`: what it may be spliced with."""
    for _ in range(int(random.integers(1, 5))):
        change = drawn(random, CHANGES)
        data = change(data, random)
        if others and random.random() < 0.1:
            data = spliced(data, drawn(random, others), random)
    return data[:LONGEST]


def place(length: int, random: Random) -> int:
    """An index below `length`, or 0; half of the time among the first."""
    return int(random.integers(max(1, min(length, HEAD) if random.random() < 0.5 else length)))


def spliced(data: bytes, other: bytes, random: Random) -> bytes:
    """The beginning of the one, the end of the other."""
    return data[: place(len(data), random)] + other[place(len(other), random) :]


def _bits(data: bytes, random: Random) -> bytes:
    found = bytearray(data)
    for _ in range(int(random.integers(1, 9)) if found else 0):
        found[place(len(found), random)] ^= 1 << int(random.integers(8))
    return bytes(found)


def _number(data: bytes, random: Random) -> bytes:
    """One of `EDGES` over what was there, of one, two or four bytes, in either order."""
    size = drawn(random, (1, 2, 4))
    value = int(drawn(random, EDGES) & (256**size - 1)).to_bytes(size, "little")
    if random.random() < 0.5:
        value = value[::-1]
    at = place(len(data), random)
    return data[:at] + value + data[at + size :]


def _inserted(data: bytes, random: Random) -> bytes:
    count = int(2 ** random.uniform(0, 9))
    new = random.bytes(count) if random.random() < 0.6 else drawn(random, (b"\0", b"\xff", b"\r\n", b"A")) * count
    at = place(len(data), random)
    return data[:at] + new + data[at:]


def _deleted(data: bytes, random: Random) -> bytes:
    at = place(len(data), random)
    return data[:at] + data[at + int(2 ** random.uniform(0, 8)) :]


def _cut(data: bytes, random: Random) -> bytes:
    return data[: place(len(data), random)]


def _doubled(data: bytes, random: Random) -> bytes:
    at = place(len(data), random)
    piece = data[at : at + int(2 ** random.uniform(0, 8))]
    return data[:at] + piece * int(random.integers(2, 5)) + data[at + len(piece) :]


def _exchanged(data: bytes, random: Random) -> bytes:
    """Two pieces change places."""
    first, second = sorted((place(len(data), random), place(len(data), random)))
    length = min(int(2 ** random.uniform(0, 6)), second - first)
    return (
        data[:first]
        + data[second : second + length]
        + data[first + length : second]
        + data[first : first + length]
        + data[second + length :]
    )


CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _bits,
    _bits,
    _number,
    _number,
    _inserted,
    _deleted,
    _cut,
    _doubled,
    _exchanged,
)
