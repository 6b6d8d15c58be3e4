"""What the peers have in common: the released model, and a picture the way most examples prepare one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

SIDE = 28


def load() -> Any:
    """The signature of the SavedModel that the environment names."""
    model = tf.saved_model.load(str(Path(os.environ["PEER_ARTIFACT"])))
    signature = model.signatures["serving_default"]
    signature.keeps = model  # a signature alone does not keep its model
    return signature


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Grey and 28×28; ink is taken to be bright on dark, as MNIST's is."""
    return np.asarray(image.convert("L").resize((SIDE, SIDE)), np.uint8)


def digits(signature: Any, images: list[NDArray[np.uint8]]) -> list[dict[str, Any]]:
    """The reading of each picture."""
    probabilities = signature(images=tf.constant(np.stack(images)))["probabilities"].numpy()
    return [{"digit": int(row.argmax()), "probabilities": [float(p) for p in row]} for row in probabilities]
