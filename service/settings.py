"""Settings: environment variables `DIGITS_…`, read once into one frozen object that is handed down."""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from service import keys
from service.errors import SettingsError

PREFIX = "DIGITS_"
ELSEWHERE = frozenset(
    {"DIGITS_DATA", "DIGITS_REQUIRE_BROWSER", "DIGITS_CHROMIUM", "DIGITS_URL", "DIGITS_UID", "DIGITS_GID"}
)
"""Names that benchmarks and tests read; the service has no use for them, and no complaint about them."""

RUNTIMES = {"tensorflow": "tensorflow", "litert": "ai_edge_litert"}
"""What runs the model, and the package that it needs; the extra that brings it is called as the runtime is."""


class Settings(BaseSettings):
    """How one process serves. Every field is the environment variable `DIGITS_<NAME>`; empty counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", populate_by_name=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on; a container wants 0.0.0.0.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("DIGITS_PORT", "PORT"),
        description="Port to listen on; PORT, which platforms set, is the fallback; 0 picks a free one.",
    )
    artifacts: Path = Field(
        Path(__file__).resolve().parent.parent / "artifacts" / "digits",
        description="Folder that holds the versions of the model, each in a folder named by its number.",
    )
    version: int | None = Field(None, ge=1, description="Version to serve by default; no other takes its place.")
    reload_seconds: float = Field(
        5.0, ge=0, le=86_400, description="How often that folder is looked at for new versions while serving; 0: never."
    )
    unload_seconds: float = Field(
        600.0, ge=0, description="How long a version that is not the default stays in memory unused."
    )
    max_versions: int = Field(
        4, ge=2, description="Versions that may be in memory at once; a new default may be one more for a moment."
    )
    digest: str | None = Field(
        None, pattern=r"^[0-9a-fA-F]{64}$", description="sha256 of SHA256SUMS; a version with another is refused."
    )
    runtime: Literal["tensorflow", "litert"] = Field(
        "tensorflow", validate_default=True, description="What runs the model: tensorflow, or litert, which is smaller."
    )
    workers: int = Field(1, ge=1, le=64, description="Processes; each loads the model.")
    threads: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Threads of the model; default: the processors at hand. One of them reads all single digits, the others help "
        "with numbers and explanations.",
    )
    max_body_bytes: int = Field(10_000_000, ge=1, description="Bytes that the body of a request may have.")
    max_pixels: int = Field(50_000_000, ge=1, description="Pixels that a picture may have.")
    max_pictures: int = Field(64, ge=1, description="Pictures that one request may have.")
    max_queue: int = Field(
        4096, ge=1, description="Pictures that may wait for the model, a number counting as 64; more are answered 503."
    )
    max_queue_bytes: int = Field(
        256_000_000, ge=1, description="Bytes that bodies and pages may have in memory; more are answered 503."
    )
    max_wait_seconds: float = Field(
        1.0, gt=0, le=3600, description="The wait that newcomers in a burst may expect; those beyond are answered 503."
    )
    standing_wait_seconds: float = Field(
        0.1,
        gt=0,
        le=3600,
        description="The same where the queue has not drained for a while: more is coming than is read.",
    )
    deadline_seconds: float = Field(
        10.0, gt=0, le=3600, description="How long a picture may take; what is not done by then is answered 503."
    )
    max_batch: int = Field(32, ge=1, description="Pictures that go through the model at once, at most.")
    drain_seconds: float = Field(2.0, ge=0, le=3600, description="How long SIGTERM leaves the socket open.")
    shutdown_seconds: int = Field(30, ge=1, description="How long requests in flight may take after that.")
    request_seconds: float = Field(
        30.0, gt=0, le=3600, description="How long a request may take to arrive, its headers and body together."
    )
    keep_alive_seconds: int = Field(75, ge=1, description="How long an idle connection is kept.")
    log_format: Literal["console", "json"] = Field("console", description="For people, or one JSON object a line.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    root_path: str = Field(
        "", pattern=r"^(/[^/?#]+)*$", description="Prefix that a proxy strips off; links in /docs carry it."
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1", description="Proxies whose X-Forwarded-… headers are believed: addresses, networks, or *."
    )
    api_keys_file: Path | None = Field(None, description="File of API keys, one a line; unset: no key is asked for.")
    cors_origins: str = Field(
        "",
        pattern=r"^(\*|https?://[^\s,/*]+(, *https?://[^\s,/*]+)*)?$",
        description="Origins whose pages may ask from a browser, with commas between them, or *; unset: none.",
    )

    @field_validator("runtime")
    @classmethod
    def _installed(cls, runtime: str) -> str:
        # Told at the start, once, and not for every version that then cannot be loaded.
        if importlib.util.find_spec(RUNTIMES[runtime]) is None:
            raise PydanticCustomError("not_installed", "is not installed; install the extra {name}", {"name": runtime})
        return runtime

    @field_validator("api_keys_file")
    @classmethod
    def _readable(cls, file: Path | None) -> Path | None:
        # Told once, too, and not by each worker.
        try:
            if file is not None:
                keys.read(file)
        except SettingsError as error:
            raise PydanticCustomError("bad_keys", "{problem}", {"problem": error.detail}) from None
        return file

    @classmethod
    def read(cls, **overrides: Any) -> Settings:
        """Reads the environment; `overrides` (None: not given) win. Raises `SettingsError`, one line."""
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]).upper().removeprefix(PREFIX)
            name = PREFIX + field
            if field.lower() in given:
                name = f"--{field.lower()}"
            elif field == "PORT" and name not in os.environ:
                name = field
            raise SettingsError(f"{name}={first['input']!s}: {first['msg']}") from None


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """A line for each `DIGITS_…` variable that means nothing, with the name that was probably meant."""
    known = {name.upper() for name in Settings.model_fields}
    lines = []
    for name in sorted(environ):
        field = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and field not in known and name not in ELSEWHERE:
            close = difflib.get_close_matches(field, known, n=1)
            lines.append(f"unknown setting {name}" + (f"; did you mean {PREFIX}{close[0]}?" if close else ""))
    return lines
