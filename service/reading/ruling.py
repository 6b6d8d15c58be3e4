"""Ruled lines on a page of writing: taken out, with what is written over them left whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.components import components

_SPAN = 0.9  # of the page: what reaches so far may be a rule, however large the writing seems to be
_THIN = 0.06  # of a rule's length: the most that it is thick
_OWN = 30  # percentile of the ink in a rule's columns: writing seldom covers more of it than the rest
_MORE = 1.5  # times its own ink: with so much there is a stroke over it, or along it


def without_rules(mask: NDArray[np.uint8], ink: NDArray[np.uint8], size: float) -> NDArray[np.uint8]:
    """`mask` without long thin level or upright lines, itself where there are none; strokes that cross them stay whole.

    `mask` uint8 `[height, width]` of 0 and 1, `ink` uint8 like it, bright on dark; `size`: height of a digit, in pixels.
    """
    out = mask
    for turned in (False, True):
        view, grey = (np.ascontiguousarray(out.T), np.ascontiguousarray(ink.T)) if turned else (out, ink)
        rule = _level_rule(view, grey, size, whole=turned)
        if rule is not None:
            view = np.where(rule, 0, view).astype(np.uint8)
            out = np.ascontiguousarray(view.T) if turned else view
    return out


def _level_rule(
    mask: NDArray[np.uint8], ink: NDArray[np.uint8], size: float, *, whole: bool
) -> NDArray[np.bool_] | None:
    """The pixels of long, thin, nearly level lines; None where there is none.

    `whole`: one that leaves the picture must be as long within it as others; else half as long is enough. Strokes of digits are
    seldom level, yet mostly upright, and the edge of a picture that is cut closely goes through them.
    """
    width = mask.shape[1]
    long = round(max(24, min(2.2 * size, _SPAN * width))) | 1  # odd: even kernels move what they open
    if width < long:
        return None
    joined = cv2.dilate(mask, np.ones((3, 1), np.uint8))  # a line that is not quite level climbs by steps
    kernel = np.ones((1, long), np.uint8)
    runs = cv2.dilate(cv2.erode(joined, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0 if whole else 1), kernel)
    if not runs.any():
        return None
    near = mask * (cv2.dilate(runs, np.ones((3, 1), np.uint8)) > 0).astype(np.uint8)
    thick = _column_runs(near)
    through = _column_runs(mask)
    usual = float(np.median(thick[near > 0])) if near.any() else 0.0
    if usual > min(0.15 * size + 2, max(_THIN * long, 2)):
        return None
    # Where a stroke crosses, the column's run of ink is much longer than the rule is thick.
    gone = (near > 0) & (through <= 1.6 * usual + 1)
    _leave_strokes(gone, near, ink, size)
    return gone


def _leave_strokes(gone: NDArray[np.bool_], near: NDArray[np.uint8], ink: NDArray[np.uint8], size: float) -> None:
    """Takes what is written along a rule, as the flat foot of a digit on it, out of `gone`: there is more ink than the rule's own.

    `near`: the rules with what crosses them, uint8 of 0 and 1.
    """
    window = 2 * round(size / 16) + 1  # a part of a stroke's length: the paper's grain does not count
    labels, stats = components(near)
    for i, (x, y, w, h, _) in enumerate(stats.tolist()):
        if i == 0 or w < size:
            continue
        part = np.s_[y : y + h, x : x + w]
        rule = gone[part] & (labels[part] == i)
        amount = (ink[part] * rule).sum(0, dtype=np.float32)
        alone = rule.any(0)
        if alone.any():
            around = cv2.blur(amount[None], (window, 1), borderType=cv2.BORDER_REPLICATE)[0]
            gone[part] &= ~(rule & (around > _MORE * np.percentile(amount[alone], _OWN)))


def _column_runs(mask: NDArray[np.uint8]) -> NDArray[np.int32]:
    """For each pixel that is set, how long the upright run of set pixels through it is; int32 like `mask`."""
    down = np.zeros(mask.shape, np.int32)
    count = np.zeros(mask.shape[1], np.int32)
    for row in range(mask.shape[0]):
        count = (count + 1) * mask[row]
        down[row] = count
    longest = np.zeros(mask.shape[1], np.int32)
    for row in range(mask.shape[0] - 1, -1, -1):
        longest = np.maximum(longest, down[row]) * mask[row]
        down[row] = longest
    return down
