"""What notebooks show of objects: HTML with small pictures in SVG, without scripts.

It has no colours of its own but those of curves and weights, so that it suits light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from nnfast import drawing, showing
from nnfast.levels.contract import Array
from nnfast.plots.layout import Column, column

if TYPE_CHECKING:
    from nnfast.comparison import Comparison
    from nnfast.history import History
    from nnfast.structure import Structure

WIDTH, HEIGHT = 320, 150  # pixels of a picture
PLACES = 7  # in a column of a diagram
MOST_POINTS = 200  # of a curve

BLOCK = "display:flex;flex-wrap:wrap;gap:1.5em;align-items:center"
CELL = "text-align:left;padding:.15em .8em .15em 0"
NUMBER = "text-align:right;padding:.15em .8em .15em 0"


def network(net: Structure) -> str:
    """The table of a network's layers, and its diagram."""
    header = ("layer", "output", "activation", "parameters")
    rows = [("inputs", f"(n, {net.sizes[0]})", "", ""), *showing.layer_rows(net)]
    facts = f"{', '.join(showing.facts(net))}; {showing.totals(net)}"
    return _block(
        f"<b>{escape(type(net).__name__)}</b>{_table(header, rows, numbers=(3,))}{_note(facts)}",
        _diagram(net),
    )


def history(records: History) -> str:
    """The first, last and best number of each record, and the curves of the losses."""
    header = ("record", "first", "last", "lowest", "highest")
    rows = []
    for name in records.numbers:
        values = records[name]
        if values:
            ends = (values[0], values[-1], np.fmin.reduce(values), np.fmax.reduce(values))
            rows.append((name, *(f"{value:.4g}" for value in ends)))
    title = f"<b>History</b> of {records.epochs:,} epoch{'s' if records.epochs != 1 else ''}"
    table = _table(header, rows, numbers=(1, 2, 3, 4)) if rows else ""
    losses = [name for name in ("loss", "val_loss") if name in records]
    return _block(
        f"{title}{table}{_note(records.stop_reason)}",
        _curves({name: records[name] for name in losses}),
    )


def comparison(compared: Comparison) -> str:
    """The table of a comparison."""
    header, rows, note = compared.table()
    title = f"<b>{escape(compared.title)}</b>"
    return _block(f"{title}{_table(header, rows, numbers=(1, 2, 3, 4, 5))}{_note(note)}")


# ---- tables -----------------------------------------------------------------------------------


def _block(*parts: str) -> str:
    inner = "".join(f"<div>{part}</div>" for part in parts if part)
    return f'<div style="{BLOCK}">{inner}</div>'


def _note(text: str) -> str:
    return f'<div style="opacity:.7;max-width:34em">{escape(text)}</div>' if text else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int]) -> str:
    """A table; numbers: the columns that are set to the right."""

    def line(tag: str, row: Sequence[str]) -> str:
        cells = (
            f'<{tag} style="{NUMBER if k in numbers else CELL}">{escape(text)}</{tag}>'
            for k, text in enumerate(row)
        )
        return f"<tr>{''.join(cells)}</tr>"

    body = "".join(line("td", row) for row in rows)
    head = line("th", header)
    return f'<table style="color:inherit"><thead>{head}</thead><tbody>{body}</tbody></table>'


# ---- pictures ---------------------------------------------------------------------------------


def _svg(label: str, inner: str, height: int = HEIGHT) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}" '
        f'font-size="11" fill="currentColor">{inner}</svg>'
    )


def _diagram(net: Structure) -> str:
    """Units as circles, and weights as lines, the larger the thicker."""
    columns = [column(size, PLACES) for size in net.sizes]
    xs = np.linspace(16, WIDTH - 16, len(columns))
    step = (HEIGHT - 20) / max(own.places for own in columns)
    parts: list[str] = []
    largest = max(float(abs(W).max()) for W, _ in net.weights) or 1.0
    for k, (W, _) in enumerate(net.weights):
        parts += _lines(W / largest, columns[k : k + 2], xs[k : k + 2].tolist(), step)
    radius = min(7.0, 0.36 * step)
    for x, own in zip(xs.tolist(), columns, strict=True):
        for y in (HEIGHT / 2 - step * own.heights).tolist():
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>')
        if own.gap is not None:
            for shift in (-0.25, 0.0, 0.25):
                y = HEIGHT / 2 - step * (own.gap + shift)
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.2"/>')
    return _svg(f"layers of {' - '.join(map(str, net.sizes))} units", "".join(parts))


def _lines(W: Array, columns: list[Column], xs: list[float], step: float) -> Iterable[str]:
    left, right = columns
    for i, from_height in zip(left.units, left.heights, strict=True):
        for j, to_height in zip(right.units, right.heights, strict=True):
            weight = float(W[i, j])
            colour = drawing.NEGATIVE if weight < 0 else drawing.POSITIVE
            y1, y2 = (HEIGHT / 2 - step * height for height in (from_height, to_height))
            yield (
                f'<line x1="{xs[0]:.1f}" y1="{y1:.1f}" x2="{xs[1]:.1f}" y2="{y2:.1f}" '
                f'stroke="{colour}" stroke-width="{0.3 + 2.2 * abs(weight):.2f}" '
                f'stroke-opacity="{0.15 + 0.85 * abs(weight):.2f}"/>'
            )


def _curves(records: dict[str, list[float]]) -> str:
    """Records over the epochs, the second one dashed."""
    finite = [value for values in records.values() for value in values if math.isfinite(value)]
    epochs = max(map(len, records.values()), default=0)
    if not finite or epochs < 2:
        return ""
    low, high = min(finite), max(finite)
    left, top, right, bottom = 52, 10, WIDTH - 8, HEIGHT - 22
    frame = f"M{left} {top}V{bottom}H{right}"
    parts = [f'<path d="{frame}" fill="none" stroke="currentColor" stroke-opacity=".5"/>']
    for k, values in enumerate(records.values()):
        chosen = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).astype(int))
        points = [
            f"{left + (right - left) * e / (epochs - 1):.1f},"
            f"{bottom - (bottom - top) * (values[e] - low) / ((high - low) or 1):.1f}"
            for e in chosen.tolist()
            if math.isfinite(values[e])
        ]
        dash = ' stroke-dasharray="5 3"' if k else ""
        parts.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{drawing.NEGATIVE}" '
            f'stroke-width="1.6"{dash}/>'
        )
    words = " and ".join(records).replace("_", " ") + (" (dashed)" if len(records) > 1 else "")
    texts = [
        (left - 5, top + 8, "end", f"{high:.3g}"),
        (left - 5, bottom, "end", f"{low:.3g}"),
        (left, bottom + 15, "start", "epoch 0"),
        (right, bottom + 15, "end", f"{epochs - 1:,}"),
        (right, top + 8, "end", words),
    ]
    parts += [f'<text x="{x}" y="{y}" text-anchor="{a}">{escape(t)}</text>' for x, y, a, t in texts]
    return _svg(f"{words} over {epochs:,} epochs", "".join(parts))
