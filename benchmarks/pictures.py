"""Draws lines in panels side by side, as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

_NAME_POINTS = 12


@dataclass(frozen=True)
class Line:
    """One line, and the name that is written at its end."""

    name: str
    heights: Sequence[float]
    colour: str
    style: str = "-"


@dataclass(frozen=True)
class Panel:
    """Lines with one vertical axis. The title has the measure and its unit."""

    title: str
    lines: Sequence[Line]
    logarithmic: bool = False


def draw(
    file: Path,
    across: str,
    positions: Sequence[int],
    panels: Sequence[Panel],
    labels: Sequence[str] | None = None,
) -> None:
    """Writes the file. All panels have the same horizontal axis, which is logarithmic.

    The labels of the positions are the positions themselves, unless there are others.
    """
    with mpl.rc_context(
        {
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlelocation": "left",
            "axes.titlesize": "medium",
            "font.size": 10,
            # The same numbers then give the same file.
            "svg.hashsalt": "graphql-api",
        }
    ):
        figure = Figure(figsize=(10, 3.8), layout="constrained", facecolor="white")
        all_axes = figure.subplots(1, len(panels))
        for axes, panel in zip(all_axes, panels, strict=True):
            axes.set_xscale("log")
            axes.set_xticks(positions, labels or [_number(position) for position in positions])
            axes.set_xlabel(across)
            axes.xaxis.minorticks_off()
            _draw_lines(axes, panel, positions)
        # The positions of the lines' ends are known only after this.
        figure.draw_without_rendering()
        for axes, panel in zip(all_axes, panels, strict=True):
            _draw_names(axes, panel, positions[-1])
        file.parent.mkdir(exist_ok=True)
        figure.savefig(file, metadata={"Date": None})


def _draw_lines(axes: Axes, panel: Panel, positions: Sequence[int]) -> None:
    axes.set_title(panel.title)
    axes.grid(axis="y", color="#e4e4e4")
    for line in panel.lines:
        axes.plot(
            positions, line.heights, color=line.colour, linestyle=line.style, marker="o", ms=4
        )
    if panel.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.minorticks_off()
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda height, _position: _number(height))


def _draw_names(axes: Axes, panel: Panel, end: int) -> None:
    """Writes each name at the end of its line, or as far above as needed to overlap no other."""
    points_per_pixel = 72 / axes.figure.dpi
    free = -math.inf
    for line in sorted(panel.lines, key=lambda line: line.heights[-1]):
        at = axes.transData.transform((end, line.heights[-1]))[1] * points_per_pixel
        height = max(at, free)
        free = height + _NAME_POINTS
        axes.annotate(
            line.name,
            (end, line.heights[-1]),
            xytext=(8, height - at),
            textcoords="offset points",
            color=line.colour,
            va="center",
        )


def _number(number: float) -> str:
    return f"{number:,.12g}".replace(",", "\N{NARROW NO-BREAK SPACE}")
