"""Sends sets of pictures to a running service over several connections, and waits when it says that it is busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any

import httpx

from benchmarks.numbers import NumberSample
from benchmarks.sets import Sample, encoded

_CLIENTS = 8
_BATCH = 32
_PICTURE_BYTES = 8_000_000  # the service takes ten million in a request, unless DIGITS_MAX_BODY_BYTES says otherwise
_ATTEMPTS = 60
_PICTURES_FAULT = (413, 415, 422)


def digits(client: httpx.Client, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The results of `POST /v1/digits`, in the samples' order. Raises `httpx.HTTPError`."""
    batches = [samples[at : at + _BATCH] for at in range(0, len(samples), _BATCH)]

    def send(batch: Sequence[Sample]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for pictures in _portions([encoded(sample) for sample in batch]):
            files = [("images", ("picture", picture)) for picture in pictures]
            answer = patiently(partial(client.post, "/v1/digits", files=files)).raise_for_status()
            results += answer.json()["results"]
        return results

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return list(chain.from_iterable(pool.map(send, batches)))


def numbers(client: httpx.Client, samples: Sequence[NumberSample]) -> list[dict[str, Any] | None]:
    """The readings of `POST /v1/number`, one picture a request, in the samples' order; None where a picture was refused.

    Raises `httpx.HTTPError`.
    """

    def send(sample: NumberSample) -> dict[str, Any] | None:
        content, headers = encoded(sample), {"Content-Type": "application/octet-stream"}
        answer = patiently(lambda: client.post("/v1/number", content=content, headers=headers))
        if answer.status_code in _PICTURES_FAULT:
            return None
        reading: dict[str, Any] = answer.raise_for_status().json()
        return reading

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return list(pool.map(send, samples))


def _portions(pictures: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The pictures in their order, as many at once as a request may hold."""
    portion: list[bytes] = []
    for picture in pictures:
        if portion and sum(map(len, portion)) + len(picture) > _PICTURE_BYTES:
            yield portion
            portion = []
        portion.append(picture)
    yield portion


def patiently(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, asked for again as `Retry-After` says while the service is busy, which it may be for long."""
    for _ in range(_ATTEMPTS - 1):
        answer = ask()
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return answer
        time.sleep(float(answer.headers.get("Retry-After", 1)))
    return ask()
