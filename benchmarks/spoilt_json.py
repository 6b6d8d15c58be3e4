"""Spoilt JSON: wrong types, fields and depths, numbers that nobody can hold, odd base64, texts that are not quite JSON."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

from benchmarks.mutate import Random, drawn, spoilt

RAW = "\ue000"
"""Begins a text that stands in the body as it is, without its quotes: what Python's writer has no value for."""
_TOKENS = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "9" * 4_000, "-0", "01", "1.", ".5", "0x10", "+1", "1e999999999",
    "tru", "undefined", "'a'", "/* a */ 1", "[1,]", "{,}", '{"a":1,"a":2}', '"\\ud800"', '"\\x"', '"\n"', '"\\u12"', "1 2", "",
    '{"pixels":[[0]],"pixels":1}', '{"base64":"","base64":"AA=="}',
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 255, 256, 2**31, 2**63, 2**64, -(2**63) - 1, 10**300, 0.5, 255.0, 1e308, "", "0", "255", " ", "é",
    "\0", "a" * 10_000, [], {}, [[]], [[[]]], {"base64": ""}, {"pixels": []}, {"pixels": [[]]}, {"pixels": [[0], [0, 0]]},
    {"pixels": [[0]], "base64": "AA=="}, [0] * 500, [[0] * 2_000], [[0]] * 2_000, {str(n): n for n in range(300)},
)  # fmt: skip
_ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "utf-7")


def document(path: str, pictures: list[Any]) -> Any:
    """What the path takes: a batch of these pictures, or the first of them."""
    return {"image": pictures[0]} if path.endswith("number/json") else {"images": pictures}


def strict(data: bytes) -> str:
    """A file in base64 as the service takes it."""
    return base64.b64encode(data).decode()


def as_base64(data: bytes, random: Random) -> dict[str, object]:
    """A file in base64, of five one in a base64 that is not strict."""
    text = strict(data)
    if random.random() < 0.2:
        at = int(random.integers(len(text) + 1))
        text = drawn(
            random,
            (
                text.rstrip("="), text + "=", text[:at] + "\n" + text[at:], text[:at] + "=" + text[at:],
                text[:at] + "é" + text[at:], text[:at], text + "\0", "data:image/png;base64," + text,
                base64.b32encode(data).decode(), base64.urlsafe_b64encode(b"\xff\xfe" + data).decode(), data.hex(),
            ),
        )  # fmt: skip
    return {"base64": text}


def body(document: Any, random: Random) -> bytes:
    """The document after some changes to its tree, its text and its bytes, each of which may be left out."""
    holder = [copy.deepcopy(document)]
    for _ in range(int(random.integers(0, 4))):
        nodes = _nodes(holder)
        drawn(random, _CHANGES)(*nodes[int(random.integers(len(nodes)))], random)
    text = _text(holder[0])
    if random.random() < 0.1:
        text = _nested(text, random)
    if random.random() < 0.1:
        return text.encode(drawn(random, _ENCODINGS), "replace")
    data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.4:
        data = spoilt(data, random, (data,))
    return data


def written(tree: Any) -> bytes:
    """The document as it is."""
    return json.dumps(tree).encode()


def _text(tree: Any) -> str:
    text = json.dumps(tree, ensure_ascii=False)
    for token in _TOKENS:
        text = text.replace(json.dumps(RAW + token, ensure_ascii=False), token)
    return text


def _nodes(holder: list[Any]) -> list[tuple[Any, Any]]:
    """Every place in the tree, as what holds it and the key or index; of long lists the first values only."""
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [holder]
    while waiting:
        node = waiting.pop()
        keys = list(node)[:8] if isinstance(node, dict) else range(min(len(node), 8))
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], dict | list):
                waiting.append(node[key])
    return found


def _replace(holder: Any, key: Any, random: Random) -> None:
    holder[key] = copy.deepcopy(drawn(random, _VALUES))


def _token(holder: Any, key: Any, random: Random) -> None:
    holder[key] = RAW + drawn(random, _TOKENS)


def _wrap(holder: Any, key: Any, random: Random) -> None:
    holder[key] = [holder[key]] if random.random() < 0.5 else {"base64": holder[key]}


def _double(holder: Any, key: Any, random: Random) -> None:
    if isinstance(holder[key], list):
        holder[key] = (holder[key] * int(2 ** random.uniform(0, 8)))[:3_000]


def _remove(holder: Any, key: Any, random: Random) -> None:
    if isinstance(holder, dict):
        del holder[key]
    elif isinstance(holder[key], list):
        holder[key].clear()


def _unknown(holder: Any, key: Any, random: Random) -> None:
    if isinstance(holder[key], dict):
        holder[key][drawn(random, ("", "a" * 5_000, "base64\0", "__proto__", "é", "pixel", "images", "$ref"))] = 1


_CHANGES: tuple[Callable[[Any, Any, Random], None], ...] = (
    _replace,
    _replace,
    _token,
    _token,
    _wrap,
    _double,
    _remove,
    _unknown,
)


def _nested(text: str, random: Random) -> str:
    """Deep within brackets, closed or not."""
    depth = int(2 ** random.uniform(0, 16))
    opening, closing = drawn(random, (("[", "]"), ('{"images":', "}"), ('{"image":{"pixels":[', "]}}")))
    return opening * depth + text + (closing * depth if random.random() < 0.6 else "")
