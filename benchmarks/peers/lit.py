"""The same model in LitServe, with its batching: `python lit.py PORT WORKERS`."""

# No postponed annotations: LitServe reads the type of `decode_request`'s argument.
import sys
from typing import Any

import litserve
import numpy as np
from fastapi import UploadFile
from numpy.typing import NDArray
from PIL import Image
from reading import digits, load, pixels


class Digits(litserve.LitAPI):
    """Decodes, stacks, reads and hands out."""

    def setup(self, device: str) -> None:
        self.model = load()

    def decode_request(self, request: UploadFile) -> NDArray[np.uint8]:
        return pixels(Image.open(request.file))

    def predict(self, images: Any) -> list[dict[str, Any]]:
        return digits(self.model, list(images))

    def batch(self, inputs: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        return inputs

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    api = Digits(max_batch_size=64, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(sys.argv[2]))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
