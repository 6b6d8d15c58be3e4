"""Difficulties of the gallery that are on the paper: lines, cells, patterns, dirt and noise."""

from __future__ import annotations

import cv2
import numpy as np

from tests.drawing import encoded
from tests.service.gallery import GALLERY, Picture, dark, grainy, page, shown


@shown
def pencil_across_the_lines_of_squared_paper(digit: int) -> Picture:
    """A line each way, and both through the digit."""
    written = 255.0 - page(digit, (170, 130), height=88, pen=8, paper=255, colour=125, place=(0.55, 0.5))
    lines = np.zeros((170, 130))
    lines[96:99], lines[:, 52:55] = 70, 70
    return grainy(cv2.GaussianBlur(230 - np.maximum(written, lines), (0, 0), 0.8), 3, digit)


@shown
def ruled_paper(digit: int) -> Picture:
    paper = np.full((200, 200), 235.0)
    paper[14::36] = paper[15::36] = 150
    return grainy(np.minimum(paper, dark(digit)), 3, digit)


@shown
def squared_paper(digit: int) -> Picture:
    paper = np.full((200, 200), 235.0)
    for lines in (paper, paper.T):
        lines[10::30] = lines[11::30] = 165
    return grainy(np.minimum(paper, dark(digit)), 3, digit)


@shown
def pencil_hardly_darker_than_the_squares(digit: int) -> Picture:
    y, x = np.mgrid[:260, :260]
    squares = np.full((260, 260), 236.0)
    for along in (y + 0.03 * x, x - 0.03 * y):
        squares = np.minimum(squares, 236 - 51 * np.clip(1.3 - np.abs(along % 30 - 15), 0, 1))
    written = page(digit, (260, 260), height=110, pen=9, paper=236, colour=170)
    return grainy(np.minimum(squares, written) * (1 - 0.3 * x / 260), 2, digit)


@shown
def borders_of_a_cell(digit: int) -> Picture:
    cell = page(digit, (90, 90), height=56, pen=6, paper=210, colour=70)
    cell[:5], cell[-3:], cell[:, :7], cell[:, -2:] = 30, 60, 25, 60
    return grainy(np.asarray(cv2.GaussianBlur(cell, (0, 0), 0.9), np.uint8), 3, digit)


@shown
def digit_on_its_cells_border(digit: int) -> Picture:
    cell = page(digit, (90, 90), height=62, pen=6, paper=210, colour=70, place=(0.5, 0.92))
    cell[-5:], cell[:, :6] = 40, 30
    return grainy(cell, 3, digit)


@shown
def cell_whose_soft_borders_cross(digit: int) -> Picture:
    """They reach all edges of the picture, as a digit may that fills it, and are too soft to be found as lines."""
    cell = page(digit, (64, 64), height=34, pen=4, paper=200, colour=120)
    borders = np.full((64, 64), 200, np.uint8)
    borders[:, 5:11] = borders[4:10] = 120
    return grainy(np.minimum(cv2.GaussianBlur(borders, (0, 0), 2.5), cell), 2, digit)


@shown
def patterned_ground(digit: int) -> Picture:
    y, x = np.mgrid[:200, :200]
    pattern = 14 * np.sin(0.5 * x + 0.3 * y) + 14 * np.sin(0.3 * x - 0.55 * y)
    return grainy(0.8 * dark(digit) + 20 + pattern, 3, digit)


@shown
def line_across(digit: int) -> Picture:
    picture = dark(digit)
    cv2.line(picture, (0, 84), (199, 108), 45, 3, cv2.LINE_AA)
    return picture


@shown
def half_black_half_white_paper(digit: int) -> Picture:
    picture = page(digit, (56, 56), height=40, pen=5)
    picture[:, 14:42] = 255 - picture[:, 14:42]
    return picture


@shown
def dirt_and_dots(digit: int) -> Picture:
    rng = np.random.default_rng(digit)
    dirty = page(digit, (240, 240), height=120, pen=12)
    for x, y in ((20, 30), (220, 15), (25, 215), (212, 205), (225, 120), (14, 120), (120, 14), (118, 228)):
        cv2.circle(dirty, (x, y), int(rng.integers(1, 5)), int(rng.integers(0, 150)), -1)
    return dirty


@shown
def salt_and_pepper(digit: int) -> Picture:
    picture, chance = dark(digit), np.random.default_rng(digit).random((200, 200))
    picture[chance < 0.05], picture[chance > 0.95] = 0, 255
    return picture


@shown
def salt_and_pepper_on_28_pixels(digit: int) -> Picture:
    picture = page(digit, (28, 28), height=20, pen=3, paper=0, colour=255)
    chance = np.random.default_rng(digit).random((28, 28))
    picture[chance < 0.04], picture[chance > 0.96] = 0, 255
    return picture


@shown
def grainy_sensor(digit: int) -> Picture:
    return grainy(dark(digit) * 0.5 + 60, 25, digit)


@shown
def blocks_of_a_strong_jpeg(digit: int) -> bytes:
    return encoded(dark(digit), "JPEG", quality=8)


ALL = GALLERY
"""With those of `gallery`, and these."""
