"""One version of the model, from its folder to something that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from service.errors import ArtifactRefused, DigitsError
from service.model.artifact import MANIFEST, Artifact, Manifest, open_artifact
from service.model.batcher import Batcher
from service.model.gate import Gate
from service.model.golden import TOLERANCE, Golden, check_model, check_reader, open_golden
from service.model.litert import open_tflite
from service.model.queue import Observer
from service.model.runtime import open_saved_model, processors
from service.reading.reader import Reader
from service.reading.types import Prepared, Signatures, Thresholds
from service.settings import Settings

OpenModel = Callable[[Path], Signatures]
"""Opens the model in a version's folder, warmed up; tests give one that needs no TensorFlow."""

PROBE_SECONDS = 2.0


def runtime(settings: Settings) -> OpenModel:
    """What `DIGITS_RUNTIME` names.

    TensorFlow is given one thread and called from several: the model is so small that sharing an operation out takes longer than
    doing it.
    """
    if settings.runtime == "tensorflow":
        return lambda folder: open_saved_model(folder, 1)
    return lambda folder: open_tflite(folder, threads_of(settings))


def threads_of(settings: Settings) -> int:
    """How many threads run the model. Worker processes share the processors, since each runs a model of its own."""
    return settings.threads or max(1, processors() // settings.workers)


@dataclass(frozen=True, slots=True)
class Verified:
    """A version that has passed every check: its files, its golden questions, the model and the reader that answered them."""

    artifact: Artifact
    golden: Golden
    model: Signatures
    reader: Reader


def verify(folder: Path, settings: Settings, open_model: OpenModel) -> Verified:
    """Checksums, manifest, golden questions. Raises `ArtifactRefused`, which names the file, or the golden picture."""
    artifact = open_artifact(folder, settings.digest)
    golden = open_golden(folder)
    model = open_model(folder)
    if artifact.manifest.lines is not None and model.lines is None:
        raise ArtifactRefused(MANIFEST, "lines: the model has no signature for them")
    check_model(golden, model)
    reader = Reader(model, thresholds_of(artifact.manifest), max_pixels=settings.max_pixels)
    check_reader(golden, reader)
    return Verified(artifact, golden, model, reader)


def thresholds_of(manifest: Manifest) -> Thresholds:
    """The manifest's, as the reader takes them."""
    given, lines = manifest.thresholds, manifest.lines
    return Thresholds(given.confidence, given.digit_probability, 0.0 if lines is None else lines.favour)


@dataclass(slots=True)
class Model:
    """A version that serves."""

    manifest: Manifest
    batcher: Batcher
    golden: Golden
    _probe: asyncio.Task[bool] | None = field(default=None, init=False)

    async def answers(self) -> bool:
        """Asks the model its first golden question: False when the answer is late, wrong or an error.

        Whoever asks while an answer is awaited gets the same, so that asking often puts no load on the model.
        """
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask())
        return await asyncio.shield(self._probe)  # one who leaves must not end it for the others

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                answer = await self.batcher.probe(Prepared(self.golden.images[0], None, 0.0, 0.0))
        except (DigitsError, TimeoutError):
            return False
        distance = np.abs(np.asarray(answer.reading.probabilities) - self.golden.probabilities[0])
        return bool((distance <= TOLERANCE).all())

    def close(self) -> None:
        """Ends its threads."""
        self.batcher.close()


def load(folder: Path, settings: Settings, open_model: OpenModel, observer: Observer, gate: Gate) -> Model:
    """Verifies a version and starts its threads; `gate` is shared by all. Raises `ArtifactRefused`."""
    with gate.loading():
        verified = verify(folder, settings, open_model)
    manifest = verified.artifact.manifest
    batcher = Batcher(
        verified.reader,
        gate,
        max_batch=settings.max_batch,
        observer=observer,
        threads=threads_of(settings),
        name=f"model-{manifest.version}",
    )
    return Model(manifest, batcher, verified.golden)
