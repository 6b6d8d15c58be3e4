"""A registry of fake models whose clock and looks are the test's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from service.model.gate import Gate
from service.model.registry import Registry
from service.model.version import Model, load
from service.settings import Settings
from tests.service.checks import Observed
from tests.service.fakes import ONE, FakeModel, opener, publish

LEAST = 100.0
"""Seconds that a version stays in memory unused."""


def publish_whole(artifacts: Path, number: int, *, broken: bool = False) -> Path:
    """As the trainer does: by a rename."""
    folder = publish(artifacts / ".staging", number)
    if broken:
        (folder / "saved_model.pb").write_bytes(b"damaged")
    return folder.rename(artifacts / str(number))


class Service:
    """A registry whose clock and looks are the test's."""

    def __init__(self, artifacts: Path, *numbers: int, pinned: int | None = None, max_versions: int = 4) -> None:
        for number in numbers:
            publish(artifacts, number)
        self.artifacts = artifacts
        self.now = 0.0
        self.model = FakeModel()
        self.loaded: list[int] = []
        self.observed = Observed()
        self.settings = Settings(
            artifacts=artifacts, version=pinned, max_versions=max_versions, unload_seconds=LEAST, reload_seconds=0.005
        )
        self.registry = Registry(self.settings, self.load, self.observed, clock=lambda: self.now)
        self.registry.look()

    def load(self, folder: Path) -> Model:
        self.loaded.append(int(folder.name))
        return load(folder, self.settings, opener(self.model), self.observed, Gate(max_pictures=1000))

    def publish(self, number: int, *, broken: bool = False) -> Path:
        return publish_whole(self.artifacts, number, broken=broken)

    def default(self, text: str | None) -> None:
        """Writes or removes DEFAULT, and looks."""
        if text is None:
            (self.artifacts / "DEFAULT").unlink()
        else:
            (self.artifacts / "DEFAULT").write_text(text)
        self.registry.look()

    @property
    def serving(self) -> int | None:
        return self.registry.default.version if self.registry.default else None

    @property
    def states(self) -> dict[int, str]:
        return {version.number: version.state for version in self.registry.versions}


async def answered_by(service: Service, number: int | None = None) -> int:
    async with service.registry.using(number) as model:
        assert (await model.batcher.read(ONE)).reading.digit == 1
        return model.manifest.version


Make = Callable[..., Service]
