"""The recipe: every number that decides what is trained, in one place."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trainer.data import VALIDATION_PICTURES

Precision = Literal["auto", "bfloat16", "float32"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(_Frozen):
    """A chain of convolutions, one entry each: how many filters, their side, their stride."""

    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]


STUDENT = Network(filters=(32, 32, 64, 64, 128, 128), kernels=(5, 3, 3, 3, 3, 3), strides=(2, 1, 2, 1, 2, 1))
TEACHERS = (
    Network(filters=(32, 48, 64, 96, 96, 160), kernels=(5, 3, 3, 3, 3, 3), strides=(2, 1, 2, 1, 1, 2)),
    Network(filters=(16, 32, 48, 64, 96, 128), kernels=(3, 5, 5, 5, 3, 3), strides=(1, 2, 2, 1, 1, 2)),
    Network(filters=(32, 48, 96, 128), kernels=(7, 5, 5, 3), strides=(2, 2, 1, 2)),
)


class LineNetwork(_Frozen):
    """`filters`: of six convolutions that halve the height three times and the width once; `features`: of the columns.

    Each column then sees `context` others on either side, `reach` columns apart, once for each in `reach`.
    """

    filters: tuple[int, int, int, int, int, int] = (32, 32, 64, 64, 96, 128)
    features: int = 160
    context: int = 2
    reach: tuple[int, ...] = (1, 1, 2, 4)


class LineRecipe(_Frozen):
    """How the reader of whole lines is trained: in `epochs` of `chunks` chunks of `lines` lines.

    A `teacher` is trained along with it on the same lines, and what its average says of each column is learned, too.
    """

    seed: int = 1
    begun_with: int | None = None  # a version, whose reader of lines is trained on
    network: LineNetwork = LineNetwork()
    teacher: LineNetwork | None = None
    epochs: int = Field(7, ge=1)
    chunks: int = Field(10, ge=1)
    lines: int = Field(4_096, ge=1)
    batch_columns: int = Field(6_144, ge=1)  # pixels that the lines of a batch are wide together, about
    validation: int = Field(2_000, ge=10)  # lines, of digits that are not trained on
    batch_norm_momentum: float = 0.98
    dropout: float = 0.1
    learning_rate: float = 2e-3
    last_learning_rate: float = 0.01  # share of the highest
    warmup_steps: int = 300
    weight_decay: float = 1e-2
    average_momentum: float = 0.9985
    largest_gradient: float = 5.0
    most_loss: float = 200.0  # of a line, in nats: what cannot be read must not outweigh the rest
    place_weight: float = 0.3  # of each digit's being named in the column of its middle, beside the whole line's text
    own_weight: float = 0.4  # of all this where there is a teacher, beside what that says
    distillation_temperature: float = 1.5

    strings: float = Field(0.15, ge=0, le=1)  # share of the lines that are strings of MNIST's digits and nothing else
    cursive: float = Field(0.35, ge=0, le=1)  # share of the other numbers that one hand writes from beginning to end
    # Digits taken anew for every chunk, distorted as the recipe says but for these.
    mnist_digits: int = 14_000
    drawn_digits: int = 7_000
    restyled_digits: int = 2_000
    printed_digits: int = 800
    rotation: float = 10.0
    mildest: float = 0.1
    thickness: float = 0.25

    def rate(self, done: float) -> float:
        """The learning rate's share of the highest when so many epochs are done, a fraction of one included."""
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, done / self.epochs)))
        return self.last_learning_rate + (1 - self.last_learning_rate) * fall


class Recipe(_Frozen):
    """Angles in degrees, lengths in pixels of the 28×28 canvas, shares relative to the number of training pictures.

    First the `teachers` are trained side by side on the digits' labels, then `students` copies of `network` on what the teachers
    say, and on what is no digit. `together`: teachers and students at the same time, `epochs` long.
    """

    seed: int = 1
    batch_size: int = Field(128, ge=1)
    precision: Precision = "auto"
    limit: int | None = Field(None, ge=1)
    validation: int = Field(VALIDATION_PICTURES, ge=10)

    network: Network = STUDENT
    students: int = Field(3, ge=1)
    epochs: int = Field(17, ge=1)
    teachers: tuple[Network, ...] = TEACHERS
    teacher_epochs: int = Field(10, ge=1)
    together: bool = False
    batch_norm_momentum: float = 0.95
    dropout: float = 0.2

    learning_rate: float = 3e-3
    last_learning_rate: float = 0.01  # share of the highest
    warmup_epochs: float = 1.0
    weight_decay: float = 1e-2
    average_momentum: float = 0.998
    digit_probability_weight: float = 1.0
    distillation: float = 0.9
    distillation_temperature: float = 3.0

    rotation: float = 15.0
    scale: float = 0.14
    shear: float = 0.25
    shift: float = 2.5
    perspective: float = 0.12
    elastic: float = 0.7
    thickness: float = 0.35
    mildest: float = Field(0.2, ge=0, le=1)  # each picture is distorted by a share of all this, from here to 1
    accidents: float = 0.2

    drawn_share: float = 0.2
    printed_share: float = 0.03
    restyled_share: float = 0.04
    cut_share: float = 0.12
    outlier_share: float = 0.5
    collected_share: float = 0.08
    stock: float = 3.0  # what is drawn is drawn for so many epochs' need, and each epoch takes its share of it

    # What the thresholds are chosen for, on the validation digits. Some of these are labelled wrong, which no threshold can mend:
    # where both cannot be had, `wrong_of_ok` yields to `coverage` rather than calling many a plain digit uncertain.
    kept_digits: float = 0.998
    wrong_of_ok: float = 0.0002
    coverage: float = 0.986

    lines: LineRecipe | None = LineRecipe()  # None: the reader of lines is the one of the newest version


QUICK: dict[str, Any] = {
    "teachers": (),
    "students": 1,
    "epochs": 6,
    "stock": 1.0,
    "drawn_share": 0.1,
    "cut_share": 0.0,
    "outlier_share": 0.15,
    "lines": None,
}
"""What `train --quick` changes: one student learns from labels alone, and lines are not learned anew."""

LARGE: dict[str, Any] = {
    "teachers": tuple(t.model_copy(update={"filters": tuple(2 * f for f in t.filters)}) for t in TEACHERS),
    "together": True,
    "epochs": 46,
    "batch_size": 1_024,
    "learning_rate": 5e-3,
    "warmup_epochs": 1.5,
    "batch_norm_momentum": 0.99,
    "average_momentum": 0.999,
    "stock": 6.0,
    "lines": LineRecipe(
        network=LineNetwork(filters=(32, 40, 64, 96, 128, 160), features=224),
        teacher=LineNetwork(filters=(48, 64, 96, 128, 192, 256), features=384, reach=(1, 1, 2, 4, 1)),
        epochs=61,
        batch_columns=32_768,
        learning_rate=3e-3,
        average_momentum=0.999,
    ),
}
"""What `--large` changes, for a machine with an accelerator: larger teachers, trained along with the students, and longer."""

TUNED: dict[str, Any] = {
    "network": LARGE["lines"].network.model_dump(),
    "learning_rate": 8e-4,
    "warmup_steps": 100,
    "average_momentum": 0.999,
}
"""What `lines --tune` changes of the recipe for lines: it goes on with a reader of lines that `--large` made, on any machine."""
