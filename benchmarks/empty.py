"""The empty endpoint: receives what the service receives, and answers a fixed body of the size of a reading.

What it takes is what uvicorn, FastAPI and the multipart parser take; no picture is decoded and no model asked.
Run by uvicorn as a factory: `python -m uvicorn --factory benchmarks.empty:create_app`.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI, Request, Response, UploadFile

BYTES = "EMPTY_ANSWER_BYTES"
"""The environment variable with the size of the body."""
MULTIPART, RAW, JSON = "/multipart", "/raw", "/json"


def create_app() -> FastAPI:
    """The app; its answer is as long as the environment says."""
    app = FastAPI()
    body = b'{"digit":0,"padding":"' + b"0" * (int(os.environ.get(BYTES, "400")) - 24) + b'"}'

    def answer() -> Response:
        return Response(body, media_type="application/json")

    @app.post(MULTIPART)
    async def multipart(image: UploadFile) -> Response:
        await image.read()
        return answer()

    @app.post(RAW)
    async def raw(request: Request) -> Response:
        await request.body()
        return answer()

    @app.post(JSON)
    async def json(content: dict[str, Any]) -> Response:
        return answer()

    return app
