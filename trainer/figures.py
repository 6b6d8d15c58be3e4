"""Charts as inline SVG whose colours are the page's own, so that they follow light and dark. Nothing is fetched.

Matplotlib draws in stand-in colours, which are then exchanged for the CSS variables of `trainer.html`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from trainer.metrics import Reliability, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, DIM, LINE, ONE, TWO, THREE = "#010203", "#010204", "#010205", "#010206", "#010207", "#010208"
_VARIABLES = {INK: "ink", DIM: "dim", LINE: "line", ONE: "one", TWO: "two", THREE: "three"}
_SERIES = (ONE, TWO, THREE)
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": DIM,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.min_exponent": 4,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def chart(
    name: str, draw: Callable[[Sequence[Axes]], None], alt: str, panels: Sequence[float] = (1.0,), **size: float
) -> str:
    """An `<svg>` with one panel above the other (`panels` are their relative heights), drawn by `draw`.

    `name` is unique on its page (it keeps the SVG's ids apart); `size` is `width` and `height` in inches of 72 px.
    """
    import matplotlib
    from matplotlib.figure import Figure

    width, height = size.get("width", 6.0), size.get("height", 3.0)
    stream = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(len(panels), 1, sharex=True, height_ratios=panels, squeeze=False)[:, 0]
        draw(list(axes))
        absent = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=absent)
    return _inline(stream.getvalue(), alt, width)


def lines(
    name: str, series: Mapping[str, tuple[ArrayLike, ArrayLike]], x: str, y: str, alt: str, *, log: bool = False
) -> str:
    """Curves over a common axis, {label: (x, y)}; values that are not positive are left out of a `log` chart."""

    def draw(axes: Sequence[Axes]) -> None:
        for number, (label, (across, up)) in enumerate(series.items()):
            colour, dashes = _SERIES[number % len(_SERIES)], ("-", "--", ":")[number // len(_SERIES) % 3]
            up = np.asarray(up, np.float64)
            up = np.where(up > 0, up, np.nan) if log else up
            marker = "o" if up.size < 15 else None
            axes[0].plot(np.asarray(across), up, color=colour, ls=dashes, label=label, marker=marker, ms=4)
        axes[0].set(xlabel=x, ylabel=y)
        if log:
            axes[0].set_yscale("log")
            axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes[0].yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
        if len(series) > 1:
            axes[0].legend()

    return chart(name, draw, alt, width=5.2, height=3.0)


def reliability_diagram(name: str, points: Reliability) -> str:
    """Accuracy over confidence with 95 % intervals against the diagonal, above how many pictures each bin holds."""

    def draw(axes: Sequence[Axes]) -> None:
        top, bottom = axes
        used = points.count > 0
        sure, right, count = points.confidence[used], points.accuracy[used], points.count[used]
        spread = [wilson(round(share * n), int(n)) for share, n in zip(right, count, strict=True)]
        error = np.array([[p.value - p.low for p in spread], [p.high - p.value for p in spread]])
        top.plot([0, 1], [0, 1], color=DIM, linewidth=1, linestyle=(0, (4, 3)), label="perfect calibration")
        top.errorbar(
            sure, right, yerr=error, fmt="o-", color=ONE, markersize=4.5, elinewidth=1, capsize=2, label="measured"
        )
        top.set(ylabel="accuracy", xlim=(0, 1.01), ylim=(0, 1.02))
        top.legend(loc="upper left")
        bottom.bar(points.edges[:-1][used], count, np.diff(points.edges)[used], align="edge", color=ONE, alpha=0.6)
        bottom.set(ylabel="pictures", xlabel="confidence", yscale="log", ylim=(0.7, None))
        bottom.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")

    alt = "Reliability diagram: accuracy over confidence, and pictures per bin; the numbers are in the table"
    return chart(name, draw, alt, panels=(3, 1), width=5.2, height=4.6)


def risk_coverage_curve(name: str, coverage: ArrayLike, risk: ArrayLike, chosen: tuple[float, float] | None) -> str:
    """The share wrong among the surest pictures over their share of all; `chosen` marks the released thresholds."""
    across, up = np.asarray(coverage, np.float64), np.asarray(risk, np.float64)
    # Most of the curve lies in its last tenth: thinned points keep the page small, denser there.
    count = len(across)
    dense = np.concatenate([np.linspace(0, count - 1, 200), np.linspace(0.9 * (count - 1), count - 1, 200)])
    keep = np.unique(dense.round().astype(np.int64))

    def draw(axes: Sequence[Axes]) -> None:
        axes[0].plot(100 * across[keep], 100 * up[keep], color=ONE)
        if chosen:
            axes[0].plot(100 * chosen[0], 100 * chosen[1], "o", color=TWO, label="ok at the thresholds")
            axes[0].legend(loc="upper left")
        axes[0].set(xlabel="coverage: the surest pictures, % of all", ylabel="wrong among them, %")
        axes[0].set_ylim(bottom=0)

    return chart(name, draw, "Risk-coverage curve; points of it are in the table", width=5.2, height=3.0)


def bars(name: str, groups: Mapping[str, ArrayLike], x: str, y: str, alt: str) -> str:
    """Stacked bars over the classes, {label: one height per class}."""

    def draw(axes: Sequence[Axes]) -> None:
        below: Any = 0
        for colour, (label, heights) in zip(_SERIES, groups.items(), strict=False):
            heights = np.asarray(heights, np.float64)
            axes[0].bar(np.arange(heights.size), heights, 0.7, bottom=below, color=colour, alpha=0.8, label=label)
            below = below + heights
        axes[0].set(xlabel=x, ylabel=y, xticks=range(np.size(below)), ylim=(0, 1.2 * np.max(below)))
        axes[0].grid(visible=False, axis="x")
        axes[0].legend(ncols=3, loc="upper center")

    return chart(name, draw, alt, width=5.2, height=2.8)


def ranked(name: str, values: Mapping[str, float], x: str, alt: str) -> str:
    """Horizontal bars, {label: length}, the longest on top."""

    def draw(axes: Sequence[Axes]) -> None:
        order = sorted(values, key=lambda label: values[label])
        bars = axes[0].barh(order, [values[label] for label in order], 0.7, color=ONE, alpha=0.7)
        axes[0].bar_label(bars, fmt="%.2f", padding=3, color=DIM, fontsize=8)
        axes[0].set(xlabel=x, xlim=(0, 1.15 * max([*values.values(), 1e-3])))
        axes[0].grid(visible=False, axis="y")

    return chart(name, draw, alt, width=5.2, height=0.8 + 0.24 * len(values))


def boxes(name: str, quantiles: ArrayLike, x: str, y: str, alt: str) -> str:
    """A box per class from `[classes, 5]` quantiles: whisker, box, median, box, whisker."""

    def draw(axes: Sequence[Axes]) -> None:
        low, q1, middle, q3, high = np.asarray(quantiles, np.float64).T
        place = np.arange(middle.size)
        axes[0].vlines(place, low, high, color=ONE, linewidth=1)
        axes[0].bar(place, q3 - q1, 0.6, bottom=q1, color=ONE, alpha=0.55)
        axes[0].hlines(middle, place - 0.3, place + 0.3, color=INK, linewidth=1.4)
        axes[0].set(xlabel=x, ylabel=y, xticks=place)
        axes[0].grid(visible=False, axis="x")

    return chart(name, draw, alt, width=5.2, height=2.8)


def _inline(svg: str, alt: str, width: float) -> str:
    """What Matplotlib saved, as an element of a page: no prologue, no fixed size, the page's colours and font."""
    svg = svg[svg.index("<svg") :]
    label = alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    view = re.search(r'viewBox="[^"]+"', svg)
    head = f'<svg role="img" aria-label="{label}" style="--width: {width * 5.8:g}rem" {view.group() if view else ""}'
    svg = re.sub(r"<svg\b[^>]*", f'{head} xmlns="http://www.w3.org/2000/svg"', svg, count=1)
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<title>.*?</title>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]+|(font: [\d.]+px) [^;\"]+", lambda m: f"{m[1]} sans-serif" if m[1] else "", svg)
    svg = svg.replace("xlink:href=", "href=")
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return re.sub(r"\n\s*", "\n", svg).strip()
