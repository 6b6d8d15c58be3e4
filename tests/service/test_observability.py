"""The dashboard, the alerts and the table of metrics are held to what /metrics says."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.settings import Settings
from service.telemetry import drift
from tests.conftest import ROOT
from tests.service.checks import RAW, until
from tests.service.conftest import until_loaded
from tests.service.fakes import BLANK, ONE, FakeModel, opener, publish, reference

OBSERVE = ROOT / "deploy" / "observe"
DASHBOARD: dict[str, Any] = json.loads((OBSERVE / "grafana" / "digits.json").read_text())
ALERTS = re.findall(r"^ +expr: (.+)$", (OBSERVE / "alerts.yml").read_text(), re.M)
QUERIES = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
ELSEWHERE = {"up"}  # Prometheus' own


@pytest.fixture
async def text(tmp_path: Path, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """What /metrics says once everything that it counts has happened."""
    monkeypatch.setattr(drift, "LEAST", 1)
    monkeypatch.setattr(drift, "EVERY", 1)
    publish(tmp_path, 1, lambda about, golden: about.update(reference=reference()))
    app = create_app(Settings(artifacts=tmp_path), open_model=opener(model))
    async with app.router.lifespan_context(app):
        await until_loaded(app)
        until(lambda: b"digits_models_loaded 1.0" in app.state.digits.metrics.text())  # the last that is told of it
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://digits") as client:
            for path in ("/v1/digit", "/v1/number"):
                for picture in (ONE, BLANK, b"no picture"):
                    await client.post(path, content=picture, headers=RAW)
            yield (await client.get("/metrics")).text


@pytest.fixture
def samples(text: str) -> dict[str, set[str]]:
    """The names of the labels of each sample's name."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def asked(query: str) -> list[tuple[str, set[str]]]:
    """Each metric of a PromQL query, with the labels that it is selected by."""
    names = re.findall(r"\b((?:digits|process)_\w+|up\b)(?:\{([^}]*)\})?", re.sub(r'"[^"]*"', '""', query))
    return [(name, set(re.findall(r"(\w+) *(?:=~|!~|!=|=)", selector))) for name, selector in names]


def grouped(query: str) -> set[str]:
    return {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", query) for label in labels.split(",")}


@pytest.mark.anyio
async def test_every_query_asks_for_metrics_and_labels_that_there_are(samples: dict[str, set[str]]) -> None:
    assert len(QUERIES) > 20
    assert len(ALERTS) == 4
    for title, query in [*QUERIES, *(("alert", alert) for alert in ALERTS)]:
        metrics = asked(query)
        assert metrics, f"{title}: {query}"
        for name, selected in metrics:
            if name in ELSEWHERE:
                continue
            assert name in samples, f"{title}: there is no {name}"
            # `job` is Prometheus' own
            assert (selected | grouped(query)) - {"job"} <= samples[name], f"{title}: {query}"


def test_no_two_panels_are_in_one_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_panels_ask_the_source_that_is_provisioned() -> None:
    (uid,) = re.findall(r"uid: (\w+)", (OBSERVE / "grafana" / "datasource.yml").read_text())
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {uid}


@pytest.mark.anyio
async def test_the_table_of_metrics_is_complete_and_right(text: str) -> None:
    rows = re.findall(
        r"^\| `(digits_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", (ROOT / "docs" / "observability.md").read_text(), re.M
    )
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels)), words) for name, kind, labels, words in rows}
    assert len(documented) == len(rows)
    found = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("digits_") and not family.name.endswith("_created"):  # when each was first counted
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            name = family.name + "_total" * (family.type == "counter")
            found[name] = (family.type, labels, family.documentation)
    assert documented == found
