"""The same model in BentoML, with its adaptive batching: `bentoml serve bento:Digits`."""

# No postponed annotations: BentoML reads the types of the method's arguments.
import os
from typing import Any

import bentoml
from PIL.Image import Image
from reading import digits, load, pixels


@bentoml.service(workers=int(os.environ.get("PEER_WORKERS", "1")))
class Digits:
    """Reads what has come together."""

    def __init__(self) -> None:
        self.model = load()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def digit(self, images: list[Image]) -> list[dict[str, Any]]:
        """The readings, in the pictures' order."""
        return digits(self.model, [pixels(image) for image in images])
