"""The sheet in a picture that shows what lies around it, too: a note on a table, a napkin on a cloth, a card on a wall.

Its outline, and the grain of a table, would hide the ink. Here the sheet is taken out of the picture by its outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.decode import decode_colours
from service.reading.outline import likeliest_outline
from service.reading.paper import shrunk
from service.reading.picture import Page, between_middles
from service.reading.types import Box, Grey

THUMB = 256
"""Pixels of the longer side at which outlines are looked for."""
_ROOMY = 200  # pixels of the shorter side: in smaller pictures there is no table around the paper
_DARK, _HUES = 16.0, 200.0  # grey levels below which hues are noise, and so many levels for a ratio of e
_SPECKS = 5  # pixels of a speck of colour that is noise, about
_HUE = 1.5  # times likelier: an outline in hues, which is no shadow's
_RIM = 3  # pixels at the outline that belong to neither side
_BAND = 6  # pixels more, in which bits of the outline are seen
_FOUR, _ASKEW = 0.9, 10.0  # of its quadrangle a sheet with four corners fills; degrees: less is upright
_LONGEST = 12.0  # times the shortest side: a sheet's longest
_SHEET, _EVEN = 200, 9  # pixels of the sheet's longer side, and of them those over which the median is paper

Floats = NDArray[np.float32]


def is_roomy(page: Page) -> bool:
    """Whether the picture is large enough to show what is around a sheet."""
    return bool(min(page.grey.shape) >= _ROOMY)


@dataclass(frozen=True, slots=True)
class Sheet:
    """`page`: the part of the picture that is a sheet, what is around it painted over like paper.

    `inner` uint8, smaller than its `grey`: 1 where it is away from the outline. `outline` float32 `[N, 2]`: the corners, in
    pixels of the picture in full size. `sure`: all of it is in the picture, or all but one side.
    """

    page: Page
    inner: NDArray[np.uint8]
    outline: NDArray[np.float32]
    sure: bool

    def holds(self, box: Box) -> bool:
        """Whether a box, in full size, is on the sheet and away from its outline, or the outline may be none."""
        corners = [(float(x), float(y)) for x in (box.x, box.x + box.width) for y in (box.y, box.y + box.height)]
        inwards = [cv2.pointPolygonTest(self.outline[:, None], corner, True) for corner in corners]
        return not self.sure or min(inwards) >= self._near

    def is_in(self, box: Box) -> bool:
        """Whether the whole sheet lies in a box, in full size: a broad stroke there is taken for a sheet."""
        (left, top), (right, bottom) = self.outline.min(axis=0).tolist(), self.outline.max(axis=0).tolist()
        rooms = left - box.x, top - box.y, box.x + box.width - right, box.y + box.height - bottom
        return bool(min(rooms) > -self._near)

    @property
    def _near(self) -> float:
        return 2 * _RIM * max(self.page.width, self.page.height) / THUMB


def find_sheet(picture: bytes | Grey, page: Page, max_pixels: int) -> Sheet | None:
    """The sheet in a picture, which has been decoded to `page`; None where none is seen."""
    return sheet_of(page, decode_colours(picture, max_pixels, THUMB)) if is_roomy(page) else None


def sheet_of(page: Page, colours: NDArray[np.uint8] | None) -> Sheet | None:
    """The same; `colours`: the picture's, uint8 `[height, width, 3]`, of any size; None: it has none."""
    thumb = shrunk(page.grey, THUMB / max(page.grey.shape))
    hues = _hues(colours, thumb.shape) if colours is not None else ()
    best = likeliest_outline([(thumb, 1.0), *((hue, _HUE) for hue in hues)])
    if best is None:
        return None
    scale = page.grey.shape[1] / thumb.shape[1]
    corners = ((best.polygon[:, 0] + 0.5) * scale).astype(np.float32)
    quad = _askew(corners) if best.sure else None
    flat, outline = (page, corners) if quad is None else _from_above(page, quad, corners, round(2 * _RIM * scale))
    alone = _alone(flat, outline, scale)
    if alone is None:
        return None
    size = np.array(page.grey.shape[::-1])
    return Sheet(*alone, np.asarray(corners / size * (page.width, page.height), np.float32), best.sure)


def _askew(outline: Floats) -> Floats | None:
    """The four corners of a sheet that is turned or seen from aside, float32 `[4, 2]` from its upper left clockwise.

    None: it lies upright, about, or has other corners.
    """
    if len(outline) < 4:
        return None
    quad = np.asarray(cv2.approxPolyN(outline[:, None], 4, ensure_convex=True), np.float32).reshape(-1, 2)
    if cv2.contourArea(outline) < _FOUR * cv2.contourArea(quad):
        return None
    if cv2.contourArea(quad, oriented=True) < 0:
        quad = quad[::-1]
    sides = np.roll(quad, -1, axis=0) - quad
    lengths = np.hypot(*sides.T)
    if lengths.max() > _LONGEST * lengths.min():
        return None
    turns = np.degrees(np.arctan2(sides[:, 1], sides[:, 0]))
    first = int(np.abs(turns).argmin())
    quad, turns = np.roll(quad, -first, axis=0), np.roll(turns, -first)
    away = (turns - (0, 90, 180, 270) + 180) % 360 - 180
    return quad if np.abs(away).max() > _ASKEW else None


def _from_above(page: Page, quad: Floats, outline: Floats, margin: int) -> tuple[Page, Floats]:
    """The page as it is where the sheet is seen from above, with so many pixels around that, and the outline there."""
    lengths = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
    across, down = (lengths[:2] + lengths[2:]) / 2
    there = np.array([(0, 0), (across, 0), (across, down), (0, down)], np.float32) + margin
    to_page = np.asarray(cv2.getPerspectiveTransform(there, quad), np.float64)
    size = round(across) + 2 * margin, round(down) + 2 * margin
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grey = cv2.warpPerspective(page.grey, between_middles(to_page), size, flags=way, borderMode=cv2.BORDER_REPLICATE)
    moved = cv2.perspectiveTransform(outline[:, None], np.linalg.inv(to_page))[:, 0]
    return page.part(np.asarray(grey, np.uint8), to_page), np.asarray(moved, np.float32)


def _hues(colours: NDArray[np.uint8], shape: tuple[int, ...]) -> tuple[Grey, Grey]:
    """How much of the light is red, and how much blue, `shape` each, on a logarithmic scale: shadows hardly change that."""
    small = cv2.resize(colours, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    red, green, blue = np.moveaxis(np.log(cv2.medianBlur(small, _SPECKS).astype(np.float32) + _DARK), 2, 0)
    first, second = (np.clip(128 + _HUES * (other - green), 0, 255).astype(np.uint8) for other in (red, blue))
    return first, second


def _alone(page: Page, outline: Floats, scale: float) -> tuple[Page, NDArray[np.uint8]] | None:
    """The part of the page within the outline, and where that is away from the outline, as `Sheet.inner`.

    What is around is painted as the sheet's own paper is at the place next to it. None: the sheet is all rim.
    """
    region = np.zeros(page.grey.shape, np.uint8)
    cv2.fillConvexPoly(region, np.round(outline - 0.5).astype(np.int32), 1)
    within = _eroded(region, round(_RIM * scale))
    left, top, width, height = cv2.boundingRect(within)
    if not width:
        return None
    within = within[top : top + height, left : left + width]
    grey = page.grey[top : top + height, left : left + width]
    small = shrunk(grey, _SHEET / max(grey.shape))
    rows, columns = small.shape
    there = np.asarray(cv2.resize(within, (columns, rows), interpolation=cv2.INTER_NEAREST), np.uint8)
    if not there.any():
        return None
    usual = np.uint8(np.median(small[there > 0]))
    paper = cv2.medianBlur(np.where(there > 0, small, usual).astype(np.uint8), _EVEN)
    _, nearest = cv2.distanceTransformWithLabels(1 - there, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_label = np.zeros(int(nearest.max()) + 1, np.uint8)
    of_label[nearest[there > 0]] = paper[there > 0]
    bare = cv2.resize(cv2.blur(of_label[nearest], (3, 3)), (width, height), interpolation=cv2.INTER_LINEAR)
    shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    inner = _eroded(there, round(_BAND * scale * columns / width))
    return page.part(np.where(within > 0, grey, bare).astype(np.uint8), shift), inner


def _eroded(region: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    """Without what is so near to its edge; the picture's frame is none."""
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return np.asarray(cv2.erode(region, square, borderType=cv2.BORDER_CONSTANT, borderValue=1), np.uint8)
