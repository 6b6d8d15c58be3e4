"""The borders that a cut left around a number, at the picture's edges: they would be read as ones and sevens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.reading.rows import Marks

_LONG = 0.5  # of the picture's side: a border is at least so long
_RUN = 0.3  # of the picture's side: so long it is straight, to the pixel
_STRAIGHT = 0.7  # of a frame's area is in such runs
_ROUND, _CORNER = 0.9, 0.12  # of the picture's sides: what is as large reaches all edges; so large are its corners
_NEAR, _MIDDLE = 0.25, 0.12  # of the shorter side: so near to an edge a frame is, but for so much of its area
_SMALL = 128  # pixels of the longer side: of so small a picture one field is all
_FIELD = 0.9, 1.5  # times as wide as high: a field of one digit
_RIM = 0.3  # of the picture: so far from its middle, at least, a bit of a border is; the edge is at 0.5
_SHORT = 0.3  # of the picture's side: so short it is
_SLIVER, _LONGEST_SLIVER = 0.12, 0.7  # of its sides: so thin may a longer one be, but not longer than that
_WHOLE = 0.95  # of the picture's height: an upright border is at least so high
_FULL = 0.7  # of the picture's height: where writing is so high, it was cut to its ink, and what is higher is a one


def without_frame(mask: NDArray[np.uint8], marks: Marks) -> NDArray[np.uint8]:
    """The mask, uint8 of 0 and 1, without those of its `marks` that are borders, or in a small picture bits of borders."""
    height, width = mask.shape
    x, y, w, h = marks.x, marks.y, marks.w, marks.h
    right, bottom = x + w, y + h
    at_edge = (x == 0) | (y == 0) | (right == width) | (bottom == height)
    long = (w >= _LONG * width) | (h >= _LONG * height)
    found = [label for label in np.flatnonzero(at_edge & long).tolist() if label and _is_border(marks, label)]
    others = np.ones(len(x), np.bool_)
    others[[0, *found]] = False
    small = max(mask.shape) <= _SMALL and _FIELD[0] * height <= width <= _FIELD[1] * height
    if small:
        bits = _may_be_bits(marks)
        if not (others & ~bits).any():
            return np.zeros_like(mask)
        bits &= others & at_edge
        found += np.flatnonzero(bits).tolist()
        others &= ~bits
    written = float(bottom[others].max() - y[others].min()) if others.any() else 0.0
    # An upright one may be a one, above all where the picture was cut to the writing.
    no_one = (small | (h >= _WHOLE * height)) & (written < _FULL * height)
    found = [label for label in found if w[label] >= _LONG * width or no_one[label]]
    return np.where(np.isin(marks.labels, found), 0, mask).astype(np.uint8) if found else mask


def _may_be_bits(marks: Marks) -> NDArray[np.bool_]:
    """Which marks are short and keep to the picture's edges."""
    height, width = marks.labels.shape
    across, down = marks.x + marks.w / 2, marks.y + marks.h / 2
    off = np.maximum(np.abs(across / width - 0.5), np.abs(down / height - 0.5))
    shorter = np.minimum(marks.w / width, marks.h / height)
    longer = np.maximum(marks.w / width, marks.h / height)
    small = (longer < _SHORT) | (shorter < _SLIVER) & (longer < _LONGEST_SLIVER)
    return np.asarray((off >= _RIM) & small)


def _is_border(marks: Marks, label: int) -> bool:
    """Whether a mark shuns the middle of the picture and is made of level and upright lines.

    One that reaches all edges goes around a corner, unlike a 0 that fills the picture.
    """
    height, width = marks.labels.shape
    x, y, w, h, area = (int(side[label]) for side in (marks.x, marks.y, marks.w, marks.h, marks.area))
    near = int(_NEAR * min(height, width))
    rows = slice(max(y, near), min(y + h, height - near))
    columns = slice(max(x, near), min(x + w, width - near))
    if np.count_nonzero(marks.labels[rows, columns] == label) > _MIDDLE * area:
        return False
    if w >= _ROUND * width and h >= _ROUND * height:
        down, across = max(1, int(_CORNER * height)), max(1, int(_CORNER * width))
        ends = marks.labels[np.r_[:down, -down:0]][:, np.r_[:across, -across:0]]
        if not (ends == label).any():
            return False
    part = marks.labels[y : y + h, x : x + w] == label
    level = np.count_nonzero(part, axis=1) >= _RUN * width
    upright = np.count_nonzero(part, axis=0) >= _RUN * height
    return bool(np.count_nonzero(part & (level[:, None] | upright)) >= _STRAIGHT * area)
