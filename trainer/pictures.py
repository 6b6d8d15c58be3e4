"""The held-out pictures as files, so that they can take the same way as everybody's: through the service's own pipeline.

python -m trainer pictures --out DIR
python -m service read DIR/images --labels DIR/labels.csv --npz validation.npz
python -m trainer calibrate ARTIFACT --npz validation.npz
"""

from __future__ import annotations

import csv
from pathlib import Path

import cv2

from trainer.augment import augment
from trainer.data import Mnist
from trainer.errors import DataError
from trainer.pool import DISTORTED, make_pool
from trainer.recipe import Recipe

VALIDATION, DISTORTED_VALIDATION, OUTLIERS = "validation", "distorted", "outliers"


def run(mnist: Mnist, recipe: Recipe, out: Path) -> int:
    """Writes `out/images/*.png`, 28×28, ink bright on dark, and `out/labels.csv` with the columns file, label, group.

    Groups: the validation digits, the same ones distorted as in training, and the held-out outliers, whose label is empty.
    Returns how many pictures there are. Raises `DataError` where `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: is there already, and not an empty folder")
    nothing_drawn = {"drawn_share": 0.0, "printed_share": 0.0, "outlier_share": 0.0}  # it would be for training alone
    pool = make_pool(mnist, recipe.model_copy(update=nothing_drawn))
    digits, labels = pool.validation_images, [str(label) for label in pool.validation_labels]
    groups = {
        VALIDATION: (digits, labels),
        DISTORTED_VALIDATION: (augment(digits, recipe, [recipe.seed, DISTORTED]), labels),
        OUTLIERS: (pool.validation_outliers, [""] * len(pool.validation_outliers)),
    }
    (out / "images").mkdir(parents=True)
    rows: list[tuple[str, str, str]] = []
    for group, (images, its_labels) in groups.items():
        for at, (image, label) in enumerate(zip(images, its_labels, strict=True)):
            name = f"{group}-{at:05}.png"
            data = cv2.imencode(".png", image)[1]
            (out / "images" / name).write_bytes(data.tobytes())
            rows.append((name, label, group))
    with (out / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("file", "label", "group"), *rows])
    return len(rows)
