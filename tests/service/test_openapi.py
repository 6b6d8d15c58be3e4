"""The OpenAPI document says what the service does, and the service does what it says."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from service.app import create_app
from service.server import bind, make_server, url_of
from service.settings import Settings
from tests.service.fakes import BLANK, ONE, FakeModel, one, opener, png

PICTURES = st.sampled_from([ONE, BLANK, png(one(), "JPEG"), ONE[:60], b"no picture", b""])
CONFIG = schemathesis.Config.from_dict(
    {
        "generation": {"database": "none"},
        "checks": {
            # What is a string of bytes to the document may be no picture to us.
            "positive_data_acceptance": {"expected-statuses": ["2xx", 404, 413, 415, 422]},
            "negative_data_rejection": {"expected-statuses": [400, 404, 405, 413, 415, 422]},
        },
        # A form knows no types: one file where an array is asked for is an array of one.
        "operations": [{"include-path": "/v1/digits", "checks": {"negative_data_rejection": {"enabled": False}}}],
    }
)
DOCUMENT = create_app(Settings()).openapi()

for media_type in ("image/*", "application/octet-stream"):
    schemathesis.openapi.media_type(media_type, PICTURES)
schema = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


@pytest.fixture(scope="module")
def url(published: Path) -> Iterator[str]:
    limits = Settings(artifacts=published, port=0)
    server = make_server(create_app(limits, open_model=opener(FakeModel())))
    listening = bind(limits)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    address = url_of(listening)
    while httpx.get(address + "/readyz").status_code != 200:
        time.sleep(0.02)
    yield address
    server.should_exit = True
    thread.join(10)


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_to_its_document(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url)


def test_every_route_is_in_the_document(app: FastAPI) -> None:
    readings = {"/v1/digit", "/v1/digits", "/v1/digits/json", "/v1/number", "/v1/number/json"}
    others = {"/v1/models", "/v1/models/{version}", "/healthz", "/readyz", "/metrics"}
    assert set(DOCUMENT["paths"]) == readings | others


def test_every_operation_field_and_parameter_is_described() -> None:
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert operation["description"]
            assert all(parameter.get("description") for parameter in operation.get("parameters", []))
    for name, part in DOCUMENT["components"]["schemas"].items():
        assert part.get("description"), name
        for field, description in part["properties"].items():
            assert description.get("description") or "$ref" in description, f"{name}.{field}"


def test_every_problem_is_a_problem() -> None:
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            assert {"408", "431", "500"} <= set(operation["responses"])
            for status, response in operation["responses"].items():
                assert "X-Request-ID" in response["headers"]
                assert ("Retry-After" in response["headers"]) == (status == "503")
                if status != "200":
                    assert list(response["content"]) == ["application/problem+json"]


def test_references_lead_somewhere() -> None:
    names = DOCUMENT["components"]["schemas"]

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(reference := part.get("$ref"), str):
                assert reference.removeprefix("#/components/schemas/") in names
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(DOCUMENT)


def test_examples_are_valid() -> None:
    for name, part in DOCUMENT["components"]["schemas"].items():
        for example in part.get("examples", []):
            jsonschema.validate(example, {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]})


@pytest.mark.anyio
async def test_the_examples_of_requests_are_read(client: httpx.AsyncClient) -> None:
    body = DOCUMENT["paths"]["/v1/digits/json"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        answer = await client.post("/v1/digits/json", json=example["value"])
        assert all(result["reading"] for result in answer.json()["results"])
    body = DOCUMENT["paths"]["/v1/number/json"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        answer = await client.post("/v1/number/json", json=example["value"])
        assert answer.json()["status"] in ("ok", "uncertain", "not_a_digit", "blank")


@pytest.mark.parametrize("path", ["/v1/digit", "/v1/number"])
def test_the_form_offers_a_file_to_choose(path: str) -> None:
    body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
    assert list(body) == ["multipart/form-data", "application/octet-stream", "image/*"]
    assert body["multipart/form-data"]["schema"]["properties"]["image"]["format"] == "binary"


def test_limits_are_shown_as_they_are_set() -> None:
    document = create_app(Settings(max_pictures=7)).openapi()
    assert document["components"]["schemas"]["PictureBatch"]["properties"]["images"]["maxItems"] == 7
    form = document["paths"]["/v1/digits"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["images"]["maxItems"] == 7
