"""What several of the trainer's tests look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pytest

from trainer.manifest import Thresholds
from trainer.measure import Evaluation, assess

_VOID = {"meta", "br", "img", "link", "input", "hr"}


@dataclass
class Page:
    """A parsed page: every (tag, attributes), its words, and tags that were not closed in order."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""
    misnested: list[str] = field(default_factory=list)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def fetched(self) -> list[str]:
        """Addresses that a browser would load by itself: everything but an <a>'s link, data URIs and parts of the page."""
        names = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "rdf:resource"}
        found = [v for tag, a in self.tags if tag != "a" for k, v in a.items() if k in names]
        return [address for address in found if not address.startswith(("data:image/png;base64,", "#"))]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page, self.open = Page(), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.page.misnested.append(tag)

    def handle_data(self, data: str) -> None:
        self.page.text += data if not self.open or self.open[-1] != "style" else ""


@pytest.fixture
def parse() -> Callable[[str], Page]:
    """Parses a page and checks what holds for every page: well nested, nothing fetched, no script, no id twice."""

    def parse(html: str) -> Page:
        parser = _Parser()
        parser.feed(html)
        parser.close()
        page = parser.page
        assert not page.misnested
        assert not parser.open
        assert page.fetched() == []
        assert "url(http" not in html
        assert "@import" not in html
        assert not page.all("script")
        assert not page.all("link")
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert all(image.get("alt") for image in page.all("img"))
        return page

    return parse


@pytest.fixture
def evaluation() -> Evaluation:
    random = np.random.default_rng(5)
    labels = np.repeat(np.arange(10), 30)
    scores = 3.0 * np.eye(10)[labels] + random.normal(size=(300, 10))
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    digit = random.uniform(0.3, 1.0, 300)
    return assess(probabilities.astype(np.float32), digit.astype(np.float32), labels, Thresholds(0.8, 0.5))
