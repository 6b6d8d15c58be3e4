"""`POST /v1/digits` and `/v1/digits/json`."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import numpy as np
import pytest

from service.schemas import MAX_EXPLAINED
from tests.service.checks import problem
from tests.service.fakes import BLANK, ONE, ZERO, FakeModel, one, png

pytestmark = pytest.mark.anyio


def files(*pictures: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("images", ("picture", picture)) for picture in pictures]


def digits(answer: httpx.Response) -> list[int | None]:
    assert answer.status_code == 200, answer.text
    return [result["reading"] and result["reading"]["digit"] for result in answer.json()["results"]]


async def test_results_come_in_the_order_sent(client: httpx.AsyncClient) -> None:
    large = png(one(1500))
    assert digits(await client.post("/v1/digits", files=files(ONE, ZERO, large, BLANK, ZERO))) == [1, 0, 1, None, 0]


async def test_small_pictures_go_through_the_model_together(client: httpx.AsyncClient, model: FakeModel) -> None:
    await client.post("/v1/digits", files=files(*[ONE] * 20))
    assert sum(model.batches) == 20
    assert len(model.batches) <= 3


async def test_a_bad_picture_fails_alone(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digits", files=files(ONE, b"no picture", ZERO))
    assert digits(answer) == [1, None, 0]
    found = answer.json()["results"][1]["problem"]
    assert (found["status"], found["title"]) == (415, "Not a picture")
    assert found["request_id"] == answer.headers["X-Request-ID"]


async def test_sixty_four_pictures_are_read(client: httpx.AsyncClient) -> None:
    assert digits(await client.post("/v1/digits", files=files(*[ONE] * 64))) == [1] * 64


@pytest.mark.parametrize("path", ["/v1/digits", "/v1/digits/json"])
async def test_explanations_are_given_for_a_few_pictures_only(
    client: httpx.AsyncClient, model: FakeModel, path: str
) -> None:
    def ask(count: int) -> Any:
        if path == "/v1/digits":
            return client.post(path + "?explain=true", files=files(*[ONE] * count))
        images = [{"base64": base64.b64encode(ONE).decode()}] * count
        return client.post(path + "?explain=true", json={"images": images})

    found = problem(await ask(MAX_EXPLAINED + 1), 413)
    assert found["title"] == "Too many pictures"
    assert "explain=true" in found["detail"]
    assert model.batches == []
    results = (await ask(MAX_EXPLAINED)).json()["results"]
    assert all(result["reading"]["explanation"] for result in results)


async def test_json_takes_files_and_grey_values(client: httpx.AsyncClient) -> None:
    pixels = np.asarray(one()).tolist()
    bright_on_dark = (255 - np.asarray(one())).tolist()
    images = [{"base64": base64.b64encode(ZERO).decode()}, {"pixels": pixels}, {"pixels": bright_on_dark}]
    assert digits(await client.post("/v1/digits/json", json={"images": images})) == [0, 1, 1]


async def test_a_large_json_body_is_read(client: httpx.AsyncClient) -> None:
    pixels = np.asarray(one(1000)).tolist()
    assert digits(await client.post("/v1/digits/json", json={"images": [{"pixels": pixels}]})) == [1]


@pytest.mark.parametrize(
    ("picture", "status", "title"),
    [
        ({"pixels": [[0, 1], [0]]}, 422, "Bad pixels"),
        ({"pixels": []}, 422, "Bad pixels"),
        ({"pixels": [[]]}, 422, "Bad pixels"),
        ({"pixels": [[0] * 1001] * 1000}, 413, "Picture too large"),
        ({"base64": "iVBORw0KGgo"}, 422, "Bad base64"),
        ({"base64": "iVBO Rw0K"}, 422, "Bad base64"),
        ({"base64": "ünï="}, 422, "Bad base64"),
        ({"base64": ""}, 415, "Not a picture"),
    ],
)
async def test_what_is_wrong_with_one_picture_is_its_own_problem(
    client: httpx.AsyncClient, picture: dict[str, Any], status: int, title: str
) -> None:
    good = {"base64": base64.b64encode(ONE).decode()}
    answer = await client.post("/v1/digits/json", json={"images": [good, picture, good]})
    assert digits(answer) == [1, None, 1]
    found = answer.json()["results"][1]["problem"]
    assert (found["status"], found["title"]) == (status, title)


async def test_a_batch_of_bad_pictures_only_is_answered(client: httpx.AsyncClient, model: FakeModel) -> None:
    answer = await client.post("/v1/digits/json", json={"images": [{"pixels": []}]})
    assert answer.status_code == 200
    assert model.batches == []


async def test_one_pixel_is_a_picture(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/digits/json", json={"images": [{"pixels": [[7]]}]})
    assert answer.json()["results"][0]["reading"]["status"] == "blank"
