"""Swagger UI and ReDoc, from files that are served here, under policies that allow no script but those and their own."""

from __future__ import annotations

import base64
import functools
import hashlib
import re

from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response

from service.headers import policy

_FILES = "/static-offline-docs"
_DOCUMENT = "/openapi.json"
_REDOCS_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",  # nothing: filled by rules, which no policy is asked about
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",  # its scroll bars
)
"""What ReDoc's script puts into the page; a test with a browser complains when a new one wants more."""

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def swagger_ui(request: Request) -> Response:
    """Swagger UI, in which the interface can be tried out."""
    return _swagger_ui(request.scope.get("root_path", ""))


@router.get("/redoc")
async def redoc(request: Request) -> Response:
    """ReDoc, in which it can be read."""
    return _redoc(request.scope.get("root_path", ""))


@functools.cache
def _swagger_ui(root: str) -> Response:
    made = get_swagger_ui_html(
        openapi_url=root + _DOCUMENT,
        title="Digits - Swagger UI",
        oauth2_redirect_url=None,
        swagger_js_url=f"{root}{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{root}{_FILES}/favicon.png",
    )
    return _page(bytes(made.body))


@functools.cache
def _redoc(root: str) -> Response:
    made = get_redoc_html(
        openapi_url=root + _DOCUMENT,
        title="Digits - ReDoc",
        redoc_js_url=f"{root}{_FILES}/redoc.standalone.js",
        redoc_favicon_url=f"{root}{_FILES}/favicon.png",
        with_google_fonts=False,
    )
    return _page(bytes(made.body), _REDOCS_STYLES)


def _page(html: bytes, styles: tuple[str, ...] = ()) -> Response:
    """The page, and the policy that names its inline script and style by what is in them."""
    allowed = policy(
        script_src=" ".join(["'self'", *_hashes(rb"<script>(.*?)</script>", html)]),
        style_src=" ".join(["'self'", *styles, *_hashes(rb"<style>(.*?)</style>", html)]),
        img_src="'self' data: blob:",
        connect_src="'self'",
        worker_src="blob:",
    )
    return Response(html, headers={"Content-Security-Policy": allowed}, media_type="text/html")


def _hashes(element: bytes, html: bytes) -> list[str]:
    digests = [hashlib.sha256(text).digest() for text in re.findall(element, html, re.DOTALL)]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
