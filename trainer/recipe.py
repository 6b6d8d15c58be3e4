"""The recipe: every number that decides what is trained, in one place."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from trainer.data import VALIDATION_PICTURES

Precision = Literal["auto", "bfloat16", "float32"]


class Recipe(BaseModel):
    """Angles in degrees, lengths in pixels of the 28×28 canvas, shares relative to the number of training pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1
    epochs: int = Field(25, ge=1)
    batch_size: int = Field(128, ge=1)
    precision: Precision = "auto"
    limit: int | None = Field(None, ge=1)
    validation: int = Field(VALIDATION_PICTURES, ge=10)

    filters: tuple[int, ...] = (32, 32, 64, 64, 64, 128, 128)
    kernels: tuple[int, ...] = (5, 3, 3, 3, 3, 3, 3)
    strides: tuple[int, ...] = (2, 1, 2, 1, 1, 2, 1)
    batch_norm_momentum: float = 0.95
    dropout: float = 0.3

    learning_rate: float = 3e-3
    warmup_epochs: float = 1.0
    weight_decay: float = 4e-3
    label_smoothing: float = 0.05
    digit_probability_weight: float = 0.3

    rotation: float = 15.0
    scale: float = 0.12
    shear: float = 0.2
    shift: float = 2.5
    elastic: float = 0.6
    thickness: float = 0.35

    drawn_share: float = 0.15
    outlier_share: float = 0.2

    kept_digits: float = 0.9995
    wrong_of_ok: float = 0.001
