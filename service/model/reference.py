"""What a version answered to its validation pictures, in bins: what the answers that it gives in use are compared with."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from service.model.part import DataSet, Part


class Distribution(Part):
    """Shares of values in bins; the first and the last bin have no other end."""

    edges: list[float] = Field(description="Where a bin ends and the next begins, rising; it is in the upper one.")
    shares: list[Annotated[float, Field(gt=0, le=1)]] = Field(description="Share of the values in each bin.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError("there must be one share more than edges")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("the edges must rise")
        if abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError("the shares must sum to 1")
        return self


class Reference(Part):
    """Of pictures with ink, whatever is made of them."""

    data: list[DataSet] = Field(description="The pictures.")
    confidence: Distribution = Field(description="Probability of the best digit.")
    digit_probability: Distribution = Field(description="Probability that the ink is one whole digit.")
    digit: Distribution = Field(description="The best digit.")
