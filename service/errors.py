"""Every error that Digits answers with, as one tree.

An error knows its HTTP status and says in `detail` what is wrong in words meant for the caller. Nothing here knows a web
framework: `reading` and `model` raise these, `app.py` turns them into problem+json, and the command line prints `detail`.
"""

from __future__ import annotations

from typing import ClassVar


class DigitsError(Exception):
    """Root of the tree. `detail` is shown to callers, so it holds no path and no internals."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class PictureError(DigitsError):
    """Something is wrong with one picture; in a batch the others are still read."""


class NotAPicture(PictureError):
    """The bytes are in no accepted format, judged by content."""

    status = 415
    title = "Not a picture"


class DamagedPicture(PictureError):
    """The format is accepted, but the picture cannot be decoded to its end."""

    status = 422
    title = "Damaged picture"


class PictureTooLarge(PictureError):
    """The picture has more pixels than the limit; found out before it is decoded."""

    status = 413
    title = "Picture too large"
