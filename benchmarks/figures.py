"""Figures and how they are shown: percentiles, and tables as text or Markdown."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that `share` (0..1) of them do not exceed (nearest rank); NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def ratio(part: float, whole: float) -> float:
    """Part over whole; NaN where there is no whole."""
    return part / whole if whole else math.nan


@dataclass(frozen=True)
class Table:
    """Words in rows below a head; the first column is a name, the others are figures."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def text(self) -> str:
        """For a terminal."""
        widths = [max(len(row[place]) for row in (self.head, *self.rows)) for place in range(len(self.head))]
        lines = [
            "  ".join(
                word.ljust(width) if place == 0 else word.rjust(width) for place, (word, width) in enumerate(cells)
            )
            for cells in (list(zip(row, widths, strict=True)) for row in (self.head, *self.rows))
        ]
        return "\n".join([self.title, *lines])

    def markdown(self) -> str:
        """For a README."""
        rule = ("---", *["---:"] * (len(self.head) - 1))
        rows = [f"| {' | '.join(row)} |" for row in (self.head, rule, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *rows])


@dataclass(frozen=True)
class Part:
    """One measurement: its tables for people, its figures for machines, and what went wrong."""

    name: str
    tables: list[Table]
    figures: list[dict[str, Any]]
    problems: list[str] = field(default_factory=list)


def number(value: float, digits: int = 0) -> str:
    """With thousands parted; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"


def milliseconds(seconds: float) -> str:
    """Three significant digits or so."""
    value = seconds * 1e3
    return number(value, 2 if value < 10 else 1 if value < 100 else 0)


def percent(share: float) -> str:
    """One decimal."""
    return "–" if math.isnan(share) else f"{share:.1%}".replace("%", " %")


def finite(value: Any) -> Any:
    """The same with None for NaN, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def machine() -> dict[str, Any]:
    """What the figures were measured on; `load`: the system's load average at the start, which ought to be near 0."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        name = ""
    return {
        "processor": name or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }
