"""Where a sheet ends in a picture that shows what lies around it, too.

A sheet is a region without strong edges, parted from the rest by one; how strong an edge that is, is tried. It is nearly convex,
and along its outline its paper is lighter or darker than what is beside.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from service.reading.types import Grey

_STROKE = 5  # pixels: what is narrower, as writing is, has no edges of its own
_STEEP = 4, 6, 9, 14, 20, 30  # grey levels within three pixels: an edge
_PART, _LEAST, _MOST = 0.02, 0.05, 0.97  # of the picture: the area of a part of a sheet, and of a sheet
_SOLID, _SMOOTH = 0.9, 0.98  # of its convex hull, at least; from the second on nothing hangs on it
_HANGING = 6, 12  # pixels: half as wide as what hangs on a region
_NEARLY, _GAP = 0.75, 6  # of their hull, two parts fill so much; pixels: half as wide as what is between them
_SEEN = 0.2  # of its outline, at least: the rest may be the picture's frame
_SURE, _LIKELY = 0.5, 0.4  # of it, and how likely it must be, so that strokes on it count as bits of it
_BESIDE, _BEYOND = 3, 8  # pixels from an outline: where its sides are compared; one that is nearer to its end is a line
_STEP, _SHARE = 6.0, 0.05  # grey levels, and share of the lighter side: by so much the sides must differ
_CLEAR = 40.0  # grey levels: more contrast makes no likelier outline
_EDGED, _MIXED = (
    0.5,
    0.8,
)  # of the visible outline, at least, has sides that differ; what it counts for if not all one way

Floats = NDArray[np.float32]
Contour = NDArray[Any]
"""int32 `[N, 1, 2]`, as OpenCV has them."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A convex polygon, int32 `[N, 1, 2]`, and how likely it is a sheet's.

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


def likeliest_outline(views: Sequence[tuple[Grey, float]]) -> Outline | None:
    """The one that is most likely a sheet's in small views of one picture, each with what it counts for; None: there is none."""
    best: Outline | None = None
    for view, weight in views:
        smooth = np.asarray(cv2.medianBlur(view, _STROKE), np.uint8)
        values = smooth.astype(np.float32)
        for regions in _regions(smooth):
            least = best.likelihood if best is not None else 0.0
            for form in _forms(regions, smooth.shape, least / _likelihood(weight)):
                outline = _outline(values, form, weight, least)
                if outline is not None:
                    best, least = outline, outline.likelihood
    return best


def _regions(smooth: Grey) -> Iterator[list[Contour]]:
    """Without strong edges: for each strength of these the contours of those that may be a sheet, or a part of one."""
    square = np.ones((3, 3), np.uint8)
    steepness = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, square)
    for steep in _STEEP:
        flat = cv2.morphologyEx((steepness < steep).astype(np.uint8), cv2.MORPH_OPEN, square)
        contours, nested = cv2.findContours(flat, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        yield [
            contour
            for contour, (_, _, _, within) in zip(contours, nested[0] if contours else (), strict=True)
            if within < 0 and _PART <= cv2.contourArea(contour) / smooth.size <= _MOST
        ]


def _forms(regions: Sequence[Contour], shape: tuple[int, ...], least: float) -> Iterator[Contour]:
    """What may be a sheet and is larger than `least`, a share of the picture: regions, what is solid of them, and two together."""
    pixels = max(least, _LEAST) * shape[0] * shape[1]
    for region in regions:
        if cv2.contourArea(region) >= pixels:
            yield region
            yield from _smoothed(region)
    for one, other in itertools.combinations(regions, 2):
        hull = cv2.contourArea(cv2.convexHull(np.concatenate([one, other])))
        if hull >= pixels and cv2.contourArea(one) + cv2.contourArea(other) >= _NEARLY * hull:
            yield from _joined(one, other)


def _smoothed(region: Contour) -> Iterator[Contour]:
    """A region without what hangs on it: things beside the sheet that are as light, squares of a cloth."""
    if cv2.contourArea(region) > _SMOOTH * cv2.contourArea(cv2.convexHull(region)):
        return
    mask, corner = _drawn([region], 1)
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    for wide in _HANGING:
        rest = mask & (cv2.distanceTransform((depth <= wide).view(np.uint8), cv2.DIST_L2, 3) <= wide)
        parts, _ = cv2.findContours(rest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=corner)
        if not parts:
            return
        yield max(parts, key=cv2.contourArea)


def _joined(one: Contour, other: Contour) -> Iterator[Contour]:
    """Two regions as one, with what is between them, if that is as narrow as a shadow's edge that runs across a sheet."""
    mask, corner = _drawn([one, other], _GAP + 1)
    near = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3) <= _GAP
    closed = mask | (cv2.distanceTransform(near.view(np.uint8), cv2.DIST_L2, 3) > _GAP)
    parts, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=corner)
    if len(parts) == 1:
        yield parts[0]


def _drawn(contours: Sequence[Contour], margin: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """A mask of 0 and 1 that holds them all, and where its corner is."""
    left, top, width, height = cv2.boundingRect(np.concatenate(contours))
    corner = left - margin, top - margin
    mask = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    cv2.drawContours(mask, contours, -1, 1, -1, offset=(-corner[0], -corner[1]))
    return mask, corner


def _outline(values: Floats, contour: Contour, weight: float, least: float) -> Outline | None:
    """A region's, if it may be a sheet's and is likelier than `least`."""
    polygon = np.asarray(cv2.convexHull(contour), np.int32)
    area = cv2.contourArea(contour)
    solid = area / cv2.contourArea(polygon)
    whole = weight * solid**8 * area / values.size
    if area < _LEAST * values.size or solid < _SOLID or _likelihood(whole) <= least:
        return None
    seen, edged, contrast = _edge(values, polygon)
    likelihood = _likelihood(whole, seen, edged, contrast)
    if seen < _SEEN or edged < _EDGED or likelihood <= least:
        return None
    return Outline(polygon, likelihood, seen, _cut(polygon, values.shape))


def _likelihood(whole: float, seen: float = 1.0, edged: float = 1.0, contrast: float = _CLEAR) -> float:
    """Of a region that is a sheet; without what `_edge` says of its outline, the highest that may be."""
    return whole * seen * edged**2 * float(np.sqrt(min(contrast, _CLEAR)))


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
    edged = max(float(lighter.mean()), float(darker.mean()), _MIXED * float((lighter | darker).mean()))
    return float(seen.mean()), edged, float(np.median(np.abs(inside - beside)))
