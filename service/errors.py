"""Every error that Digits answers with, as one tree.

An error knows its HTTP status and says in `detail` what is wrong in words meant for the caller. Nothing here knows a web
framework: `reading` and `model` raise these, `app.py` turns them into problem+json, and the command line prints `detail`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import ClassVar, NamedTuple

MAX_FAULTS = 64
MAX_FAULT_LENGTH = 100
"""What callers are told of their faults is bounded: part of it is what they have sent."""


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


class BadBase64(PictureError):
    """The text is not strict base64."""

    status = 422
    title = "Bad base64"


class BadPixels(PictureError):
    """The rows of grey values are no rectangle."""

    status = 422
    title = "Bad pixels"


class RequestError(DigitsError):
    """Something is wrong with the whole request; no picture of it is read."""


class MalformedRequest(RequestError):
    """HTTP, multipart or JSON that cannot be parsed."""

    status = 400
    title = "Malformed request"


class Unauthorized(RequestError):
    """API keys are on, and none was sent, or a `wrong` one."""

    status = 401
    title = "Unauthorized"

    def __init__(self, detail: str, *, wrong: bool = False) -> None:
        super().__init__(detail)
        self.wrong = wrong


class RateUsedUp(RequestError):
    """The key has asked as often as it may: it may ask again after `retry_after` whole seconds."""

    status = 429
    title = "Rate used up"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RequestTimeout(RequestError):
    """The request did not arrive in time, its headers or its body."""

    status = 408
    title = "Request timeout"


class HeadersTooLarge(RequestError):
    """The request line and the headers have more bytes than the limit."""

    status = 431
    title = "Headers too large"


class UnknownVersion(RequestError):
    """No such version of the model, or it was refused."""

    status = 404
    title = "Unknown model version"


class NoNumbers(RequestError):
    """The version of the model that was asked for reads single digits only."""

    status = 422
    title = "No numbers"


class BodyTooLarge(RequestError):
    """The body has more bytes than the limit; found out before any picture is decoded."""

    status = 413
    title = "Body too large"


class TooManyPictures(RequestError):
    """The request holds more pictures than the limit."""

    status = 413
    title = "Too many pictures"


class UnsupportedMediaType(RequestError):
    """The body is of a Content-Type that this address does not read."""

    status = 415
    title = "Unsupported media type"


class FieldError(NamedTuple):
    """One thing that is wrong with a request: where (`query.version`, `body.images.3.base64`) and what."""

    location: str
    message: str


class InvalidRequest(RequestError):
    """A field is missing, unknown, or of the wrong type."""

    status = 422
    title = "Invalid request"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(FieldError(_cut(where), _cut(what)) for where, what in islice(errors, MAX_FAULTS))
        super().__init__("; ".join(f"{error.location}: {error.message}" for error in self.errors[:3]))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FAULT_LENGTH else text[: MAX_FAULT_LENGTH - 1] + "…"


class Unavailable(DigitsError):
    """Not now: try again after `retry_after` whole seconds."""

    status = 503
    title = "Unavailable"
    retry_after: int = 5


class Overloaded(Unavailable):
    """More is waiting than may, or this has waited for too long."""

    title = "Overloaded"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Starting(Unavailable):
    """The model is being loaded."""

    title = "Starting"
    retry_after = 2


class Draining(Unavailable):
    """The process is about to end."""

    title = "Draining"


class ModelFailed(DigitsError):
    """The model raised, or its thread ended, while it had this picture. The cause is logged once, where it happened."""


class SettingsError(DigitsError):
    """A setting has a value that cannot be used. `detail` is one line that names it."""


class ArtifactRefused(DigitsError):
    """A version of the model must not be served. `file` names what is damaged, missing or wrong in it."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
