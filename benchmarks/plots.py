"""The table of small pictures as a plot: requests a second and p99 over the number of clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZE = "28x28"
_STYLES = {"multipart": "-", "raw": "--", "json": ":"}


def write(figures: Sequence[dict[str, Any]], file: Path) -> None:
    """Writes the plot; the file's name says whether as SVG or PNG. `figures`: those of the part throughput."""
    import matplotlib
    from matplotlib.figure import Figure

    small = [row for row in figures if row["size"] == SIZE]
    names = list(dict.fromkeys(row["server"] for row in small))
    with matplotlib.rc_context({"svg.hashsalt": "digits", "font.size": 9}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        rates, tails = figure.subplots(1, 2)
        for place, name in enumerate(names):
            for encoding, style in _STYLES.items():
                rows = [row for row in small if row["server"] == name and row["encoding"] == encoding]
                if not rows:
                    continue
                clients = [row["clients"] for row in rows]
                look = {"color": f"C{place}", "linestyle": style, "marker": "o", "markersize": 3}
                rates.plot(clients, [row["rate"] for row in rows], label=f"{name}, {encoding}", **look)
                tails.plot(clients, [row["p99"] * 1e3 for row in rows], **look)
        for axes, label in ((rates, "requests a second"), (tails, "p99, milliseconds")):
            axes.set_xscale("log", base=2)
            axes.set_xticks(sorted({row["clients"] for row in small}))
            axes.get_xaxis().set_major_formatter("{x:.0f}")
            axes.set(xlabel="clients, 28×28", ylabel=label)
            axes.grid(alpha=0.3)
        rates.set_ylim(bottom=0)
        tails.set_yscale("log")
        rates.legend(fontsize=7)
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=144)
