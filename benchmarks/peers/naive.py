"""The app of most tutorials: FastAPI, and the model called in the handler."""

from __future__ import annotations

import io
from typing import Any

from fastapi import FastAPI, UploadFile
from PIL import Image
from reading import digits, load, pixels

app = FastAPI()
model = load()


@app.post("/digit")
async def digit(image: UploadFile) -> dict[str, Any]:
    """Reads one digit."""
    return digits(model, [pixels(Image.open(io.BytesIO(await image.read())))])[0]
