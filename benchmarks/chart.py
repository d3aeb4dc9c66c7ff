"""The chart: how many times longer each peer takes than nnfast, one bar each, as an SVG file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.contest import Result, Row
from benchmarks.peers import PEERS
from benchmarks.report import OURS

INK, GRID = "#333333", "#dddddd"


def write(results: list[Result], path: Path) -> None:
    """Draw all workloads below each other. Raises ImportError without matplotlib."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = [r for r in results if r.row(OURS) and bars(r)]
    heights = [len(bars(r)) + 1 for r in shown]
    figure = Figure(figsize=(7, 0.8 + 0.19 * sum(heights)), layout="constrained")
    axes = figure.subplots(
        len(shown), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    for result, ax in zip(shown, axes, strict=True):
        panel(ax, result)
    axes[-1].set_xlabel("times longer than nnfast", color=INK, fontsize=8)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "nnfast"}):  # text, not outlines
        figure.savefig(path, metadata={"Date": None})


def bars(result: Result) -> list[Row]:
    """What is drawn: all that was measured and right but nnfast itself, fastest first."""
    rows = [r for r in result.rows if r.right and r.rounds and r.name != OURS]
    return sorted(rows, key=lambda r: r.seconds)


def panel(ax: Any, result: Result) -> None:
    rows, ours = bars(result), result.row(OURS)
    ratios = [row.seconds / ours.seconds for row in rows]
    colours = [colour(row.name) for row in rows]
    ax.barh(range(len(rows)), [r - 1 for r in ratios], left=1, color=colours, height=0.7)
    ax.set_xscale("log")
    ax.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=7, color=INK)
    ax.invert_yaxis()
    for i, r in enumerate(ratios):
        ax.annotate(
            f"{r:,.0f}" if r >= 100 else f"{r:.2g}" if r < 10 else f"{r:.0f}",
            (max(r, 1), i), (3, 0), textcoords="offset points", va="center", fontsize=7, color=INK,
        )  # fmt: skip
    w = result.workload
    ax.set_title(f"{w.key}  {w.title}, {w.dtype}", loc="left", fontsize=8, color=INK)
    ax.axvline(1, color=INK, linewidth=0.8)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(length=0, labelsize=7, colors=INK)


def colour(name: str) -> Any:
    """The same for a peer in every panel; light and readable."""
    from matplotlib import colormaps

    names = list(PEERS)
    first = name.split()[0]
    return colormaps["tab20c"](names.index(first) if first in names else 19)
