"""The page, and the files that it and the documentation load."""

from __future__ import annotations

import functools
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from service.headers import policy

STATIC = Path(__file__).resolve().parent.parent / "static"

# All that the page needs is served here; a picture is shown from memory (blob:, data:).
_POLICY = policy(script_src="'self'", style_src="'self'", img_src="'self' data: blob:", connect_src="'self'")
_ASK_AGAIN = {"Cache-Control": "no-cache"}  # and be told that nothing has changed: never an old script with a new page
_REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> FileResponse:
    """One static page; what it needs lies under `static/`, by relative links."""
    return FileResponse(STATIC / "index.html", headers={**_ASK_AGAIN, "Content-Security-Policy": _POLICY})


class PageFiles(StaticFiles):
    """The page's scripts, styles and pictures."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file."""
        response = await super().get_response(path, scope)
        response.headers.update(_ASK_AGAIN)
        return response


@functools.cache
def _redoc_script() -> bytes:
    script = Path(fastapi_offline.__file__).parent / "static" / "redoc.standalone.js"
    return script.read_bytes().replace(_REDOC_LOGO, b"data:,")


async def _redoc(request: Request) -> Response:
    return Response(_redoc_script(), media_type="text/javascript", headers=_ASK_AGAIN)


redoc_script = Route("/static-offline-docs/redoc.standalone.js", _redoc)
"""In place of the packaged one, which fetches its maker's logo from the internet. Goes before the mount of its folder."""
