"""What the pieces of a manifest have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A piece of the manifest. Fields that this service does not know are kept and shown; `schema_version` counts breaks."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class DataSet(Part):
    """Data that the model was trained on."""

    name: str = Field(description="Name of the data set or split.")
    pictures: int = Field(ge=0, description="How many pictures it has.")
    sha256: str = Field(description="sha256 of the uncompressed pictures.")
