"""The sheet in a picture that shows what lies around it, too: a note on a table, a napkin on a cloth, a card on a wall.

Its outline, and the grain of a table, would hide the ink. A sheet is a region without strong edges, parted from the rest by one;
how strong an edge that is, is tried. It is nearly convex, and along its outline one side is lighter than the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.paper import shrunk
from service.reading.picture import Page
from service.reading.types import Box, Grey

THUMB = 256
"""Pixels of the longer side at which outlines are looked for."""
_ROOMY = 200  # pixels of the shorter side: in smaller pictures there is no table around the paper
_DARK, _HUES = 16.0, 200.0  # grey levels below which hues are noise, and so many levels for a ratio of e
_STROKE = 5  # of these: what is narrower, as writing is, has no edges of its own
_STEEP = 4, 6, 9, 14, 20, 30  # grey levels within three pixels: an edge
_HUE = 1.5  # times likelier: an outline in hues, which is no shadow's
_LEAST, _MOST = 0.05, 0.97  # of the picture: a sheet's area
_SOLID = 0.9  # of its convex hull, at least
_SEEN = 0.2  # of its outline, at least: the rest may be the picture's frame
_SURE, _LIKELY = 0.5, 0.4  # of it, and how likely it must be, so that strokes on it count as bits of it
_BESIDE, _BEYOND = 3, 8  # pixels from an outline: where its sides are compared; one that is nearer to its end is a line
_STEP, _SHARE = 6.0, 0.05  # grey levels, and share of the lighter side: by so much the sides must differ
_CLEAR = 40.0  # grey levels: more contrast makes no likelier outline
_EDGED = 0.5  # of the visible outline, at least, has sides that differ
_RIM = 3  # pixels at the outline that belong to neither side
_SHEET, _EVEN = 200, 9  # pixels of the sheet's longer side, and of them those over which the median is paper

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Outline:
    """A convex polygon, int32 `[N, 1, 2]`, in pixels of the small picture, and how likely it is a sheet's.

    `seen`: the share that is not the picture's frame; `cut`: on how many sides that cuts it off.
    """

    polygon: NDArray[np.int32]
    likelihood: float
    seen: float
    cut: int

    @property
    def sure(self) -> bool:
        """Whether it is no shadow's edge, and no two lines across the paper, with what the frame adds to them."""
        return self.seen >= _SURE and self.cut <= 1 and self.likelihood >= _LIKELY


def is_roomy(page: Page) -> bool:
    """Whether the picture is large enough to show what is around a sheet."""
    return bool(min(page.grey.shape) >= _ROOMY)


@dataclass(frozen=True, slots=True)
class Sheet:
    """`page`: the part of the picture that is a sheet, what is around it painted over like paper.

    `outline` float32 `[N, 2]`: the corners, in pixels of the picture in full size. `sure`: all of it is in the picture, or all
    but one side.
    """

    page: Page
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


def sheet_of(page: Page, colours: NDArray[np.uint8] | None) -> Sheet | None:
    """The sheet in the picture; None where none is seen.

    `colours`: the picture's, uint8 `[height, width, 3]`, of any size; None: it has none.
    """
    if not is_roomy(page):
        return None
    thumb = shrunk(page.grey, THUMB / max(page.grey.shape))
    views = [thumb, *(_hues(colours, thumb.shape) if colours is not None else ())]
    outlines = [
        replace(outline, likelihood=outline.likelihood * (_HUE if place else 1.0))
        for place, view in enumerate(views)
        for outline in _outlines(np.asarray(cv2.medianBlur(view, _STROKE), np.uint8))
    ]
    best = max(outlines, key=lambda outline: outline.likelihood, default=None)
    if best is None:
        return None
    alone = _alone(page, best.polygon, page.grey.shape[1] / thumb.shape[1])
    if alone is None:
        return None
    corners = (best.polygon[:, 0] + 0.5) / np.array(thumb.shape[::-1])
    outline = np.asarray(corners * (page.width, page.height), np.float32)
    return Sheet(alone, outline, best.sure)


def _hues(colours: NDArray[np.uint8], shape: tuple[int, ...]) -> tuple[Grey, Grey]:
    """How much of the light is red, and how much blue, `shape` each, on a logarithmic scale: shadows hardly change that."""
    small = cv2.resize(colours, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    red, green, blue = np.moveaxis(np.log(cv2.medianBlur(small, _STROKE).astype(np.float32) + _DARK), 2, 0)
    first, second = (np.clip(128 + _HUES * (other - green), 0, 255).astype(np.uint8) for other in (red, blue))
    return first, second


def _outlines(smooth: Grey) -> Iterator[_Outline]:
    """Those that may be a sheet's."""
    square = np.ones((3, 3), np.uint8)
    steepness = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, square)
    values = smooth.astype(np.float32)
    for steep in _STEEP:
        flat = cv2.morphologyEx((steepness < steep).astype(np.uint8), cv2.MORPH_OPEN, square)
        contours, nested = cv2.findContours(flat, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        for contour, (_, _, _, within) in zip(contours, nested[0] if contours else (), strict=True):
            area = cv2.contourArea(contour) / smooth.size
            if within >= 0 or not _LEAST <= area <= _MOST:
                continue
            polygon = np.asarray(cv2.convexHull(contour), np.int32)
            solid = area * smooth.size / cv2.contourArea(polygon)
            if solid < _SOLID:
                continue
            seen, edged, contrast = _edge(values, polygon)
            if seen >= _SEEN and edged >= _EDGED:
                contrast = min(contrast, _CLEAR)
                yield _Outline(
                    polygon,
                    edged * solid**8 * area * float(np.sqrt(seen * contrast)),
                    seen,
                    _cut(polygon, smooth.shape),
                )


def _cut(polygon: NDArray[np.int32], shape: tuple[int, ...]) -> int:
    """On how many sides it ends at the picture's frame."""
    left, top, width, height = cv2.boundingRect(polygon)
    rooms = left, top, shape[1] - left - width, shape[0] - top - height
    return sum(room <= _BESIDE for room in rooms)


def _edge(values: Floats, polygon: NDArray[np.int32]) -> tuple[float, float, float]:
    """Of an outline: the share that is not the frame's, the share of that whose sides differ, and by how much in grey levels."""
    corners = polygon[:, 0].astype(np.float32)
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    counts = np.maximum(lengths.astype(int), 1)
    along = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])[:, None].astype(np.float32)
    places = np.repeat(corners, counts, axis=0) + along * np.repeat(sides, counts, axis=0)
    out = np.repeat(np.column_stack([sides[:, 1], -sides[:, 0]]) / np.maximum(lengths, 1)[:, None], counts, axis=0)
    if ((places - corners.mean(axis=0)) * out).sum() < 0:
        out = -out
    rows, columns = values.shape
    x, y = places.T
    seen = (x > _BESIDE) & (x < columns - 1 - _BESIDE) & (y > _BESIDE) & (y < rows - 1 - _BESIDE)
    if not seen.any():
        return 0.0, 0.0, 0.0
    places, out = places[seen], out[seen]

    def at(distance: int) -> Floats:
        x, y = (places + distance * out).astype(np.float32).T
        found = cv2.remap(values, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found[0], np.float32)

    inside, beside, beyond = at(-_BESIDE), at(_BESIDE), at(_BEYOND)
    least = np.maximum(_STEP, _SHARE * np.maximum(inside, beside))
    lighter = (inside - beside >= least) & (inside - beyond >= least)
    darker = (beside - inside >= least) & (beyond - inside >= least)
    edged = max(float(lighter.mean()), float(darker.mean()))
    return float(seen.mean()), edged, float(np.median(np.abs(inside - beside)))


def _alone(page: Page, polygon: NDArray[np.int32], scale: float) -> Page | None:
    """The part of the page within the outline; what is around is painted as the sheet's own paper is at the place next to it.

    None: it is so narrow that nothing is left of it without its rim.
    """
    region = np.zeros(page.grey.shape, np.uint8)
    cv2.fillConvexPoly(region, np.round((polygon[:, 0] + 0.5) * scale - 0.5).astype(np.int32), 1)
    rim = 2 * round(_RIM * scale) + 1
    within = cv2.erode(region, np.ones((rim, rim), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    left, top, width, height = cv2.boundingRect(within)
    if not width:
        return None
    within = within[top : top + height, left : left + width]
    grey = page.grey[top : top + height, left : left + width]
    small = shrunk(grey, _SHEET / max(grey.shape))
    rows, columns = small.shape
    inner = cv2.resize(within, (columns, rows), interpolation=cv2.INTER_NEAREST)
    if not inner.any():
        return None
    usual = np.uint8(np.median(small[inner > 0]))
    paper = cv2.medianBlur(np.where(inner > 0, small, usual).astype(np.uint8), _EVEN)
    _, nearest = cv2.distanceTransformWithLabels(1 - inner, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_label = np.zeros(int(nearest.max()) + 1, np.uint8)
    of_label[nearest[inner > 0]] = paper[inner > 0]
    bare = cv2.resize(cv2.blur(of_label[nearest], (3, 3)), (width, height), interpolation=cv2.INTER_LINEAR)
    return page.part(np.where(within > 0, grey, bare).astype(np.uint8), Box(left, top, width, height))
