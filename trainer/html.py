"""The pages that the trainer writes: one file each, nothing fetched from elsewhere, readable in light and dark."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CSS = """
:root { color-scheme: light dark; --ink: #1c2024; --dim: #5f6872; --paper: #ffffff; --card: #f5f6f8; --line: #d9dde3;
  --one: #1f66c1; --two: #c2410c; --three: #15803d; --bad: 220 38 38; --good: 22 130 80; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #9aa4af; --paper: #14171a; --card: #1d2126;
  --line: #343a42; --one: #6aa9f7; --two: #f59a5f; --three: #58c27d; --bad: 248 113 113; --good: 74 190 130; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 64rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; padding-top: .9rem; border-top: 1px solid var(--line); font-size: 1.3rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1.02rem; }
p, ul { max-width: 46rem; margin: .6rem 0; } li { margin: .2rem 0; }
a { color: var(--one); } .dim, figcaption { color: var(--dim); font-size: .88rem; }
code { font: .88em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { padding: .7rem .9rem; overflow-x: auto; white-space: pre-wrap; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; padding-top: .4rem; text-align: left; color: var(--dim); font-size: .88rem; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; }
td.text, th.text { text-align: left; white-space: normal; }
.confusion td { text-align: center; min-width: 2.9rem; padding: .3rem .2rem; }
.confusion th { text-align: center; } .zero { color: var(--line); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: .75rem; margin: 1.25rem 0; }
.tile { padding: .8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.tile b { display: block; font-size: 1.55rem; line-height: 1.3; } .tile span { color: var(--dim); font-size: .86rem; }
figure { margin: .8rem 0; } figcaption { margin-top: .3rem; max-width: 46rem; }
figure > svg { display: block; width: 100%; height: auto; max-width: var(--width, 44rem); }
.row { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem 2rem;
  align-items: start; } .row > * { min-width: 0; }
img { image-rendering: pixelated; background: #000; border-radius: 3px; max-width: 100%; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: 1rem .8rem; }
.pictures figure { margin: 0; } .pictures img { width: 100%; display: block; }
.pictures figcaption { line-height: 1.35; font-size: .8rem; } .pictures b { color: var(--ink); font-size: .95rem; }
@media (max-width: 40rem) { body { padding: 1.25rem .9rem 3rem; } th, td { padding: .25rem .4rem; }
  table { font-size: .84rem; } .confusion td { min-width: 2rem; } }
@media print { body { max-width: none; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


def escape(value: object) -> str:
    """Text for an element or a quoted attribute."""
    return html.escape(str(value), quote=True)


def page(title: str, lead: str, sections: Iterable[str]) -> str:
    """A whole document; `title` and `lead` are text, the sections are HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(title)}</h1>\n<p class="dim">{escape(lead)}</p>\n'
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A headed part of a page; `parts` are HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def bullets(items: Iterable[str]) -> str:
    """A list of plain texts."""
    return "<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "", text: Sequence[int] = ()) -> str:
    """A table of plain texts; the first cell of a row is its heading, the columns named in `text` are set as words."""

    def cell(tag: str, column: int, value: object, extra: str = "") -> str:
        words = ' class="text"' if column in text else ""
        return f"<{tag}{extra}{words}>{escape(value)}</{tag}>"

    top = "".join(cell("th", i, name, ' scope="col"') for i, name in enumerate(head))
    body = "\n".join(
        "<tr>"
        + cell("th", 0, row[0], ' scope="row"')
        + "".join(cell("td", i, v) for i, v in enumerate(row) if i)
        + "</tr>"
        for row in rows
    )
    foot = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{foot}\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def tiles(items: Iterable[tuple[str, str, str]]) -> str:
    """Headline figures: (name, figure, remark)."""
    inner = "\n".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(figure)}</b><span>{escape(remark)}</span></div>'
        for name, figure, remark in items
    )
    return f'<div class="tiles">\n{inner}\n</div>'


def figure(content: str, caption: str) -> str:
    """A chart or picture (HTML) with its caption (text)."""
    return f"<figure>\n{content}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def picture(image: NDArray[np.uint8], alt: str, width: int | None = None) -> str:
    """An `<img>` that carries a grey picture, uint8 `[height, width]`, as a PNG; `width` in CSS pixels."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", optimize=True)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    size = f' width="{width}"' if width else ""
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}"{size}>'


def montage(images: NDArray[Any], gap: int = 2) -> NDArray[np.uint8]:
    """Pictures `[rows, columns, h, w]` side by side on black with `gap` pixels between, as one uint8 picture."""
    rows, columns, high, wide = images.shape
    sheet = np.zeros((rows, high + gap, columns, wide + gap), np.uint8)
    sheet[:, :high, :, :wide] = images.transpose(0, 2, 1, 3)
    return sheet.reshape(rows * (high + gap), columns * (wide + gap))[: -gap or None, : -gap or None]


def write(path: Path, page: str) -> Path:
    """Writes a page whole or not at all, making its folder. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
