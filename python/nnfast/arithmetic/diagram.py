"""The diagram of a network as SVG: numbers in the units, and at the edges between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from nnfast.arithmetic.quantities import Drawing, Quantity, Symbol

UNITS = 12  # of a layer; a diagram of more is no help
CROWDED = 5  # from as many units on both sides the numbers at the edges are left out
ACROSS, DOWN, MARGIN = 250, 112, 78
WIDE, HIGH = 78, 44  # of a unit
ALONG = [0.3 + 0.05 * k for k in range(8)]  # where a number may stand on its edge

Point = tuple[float, float]


def svg(drawing: Drawing) -> str:
    """The diagram, or nothing for a network with many units in a layer."""
    counts = [len(layer) for layer in drawing.units]
    if max(counts) > UNITS:
        return ""
    width = 2 * MARGIN + ACROSS * (len(counts) - 1)
    height = DOWN * max(counts) + 16
    places = [
        [
            (MARGIN + ACROSS * k, 8 + height / 2 + DOWN * (i - count / 2 + 0.35))
            for i in range(count)
        ]
        for k, count in enumerate(counts)
    ]
    parts = [
        f'<svg class="net" viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" '
        f'aria-label="The network with its {escape(drawing.title)}">'
    ]
    for k, weights in enumerate(drawing.edges):
        parts += edges(weights, places[k], places[k + 1])
    for k, layer in enumerate(drawing.units):
        kind = "input" if k == 0 else "unit"
        for unit, notes, place in zip(layer, drawing.notes[k], places[k], strict=True):
            parts += box(unit, notes, place, kind)
    return "".join([*parts, "</svg>"])


def edges(
    weights: Sequence[Sequence[float]], sources: Sequence[Point], targets: Sequence[Point]
) -> list[str]:
    """The lines between two layers, wide where the number is large, and their numbers."""
    ends = [
        (weight, source, target)
        for source, row in zip(sources, weights, strict=True)
        for target, weight in zip(targets, row, strict=True)
    ]
    largest = max(abs(weight) for weight, _, _ in ends) or 1.0
    lines, labels = [], []
    taken: list[Point] = []
    for weight, (x1, y1), (x2, y2) in ends:
        kind = "minus" if weight < 0 else "plus"
        thick = 1 + 3 * abs(weight) / largest
        lines.append(
            f'<line class="{kind}" x1="{x1}" y1="{y1:g}" x2="{x2}" y2="{y2:g}" '
            f'stroke-width="{thick:.2f}"><title>{number(weight)}</title></line>'
        )
        if min(len(sources), len(targets)) < CROWDED:
            x, y = free(taken, (x1, y1), (x2, y2))
            taken.append((x, y))
            angle = math.degrees(math.atan2(y2 - y1, x2 - x1))
            labels.append(
                f'<text class="{kind}" transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})" '
                f'dy=".35em">{number(weight)}</text>'
            )
    return lines + labels


def free(taken: list[Point], start: Point, end: Point) -> Point:
    """The point between the ends that is farthest from all that are taken."""
    points = [
        (start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])) for t in ALONG
    ]

    def room(point: Point) -> float:
        x, y = point
        return min((math.hypot(x - u, 3 * (y - v)) for u, v in taken), default=0.0)

    return max(points, key=room)


def box(unit: Quantity, notes: tuple[Quantity, ...], place: Point, kind: str) -> list[str]:
    """A unit with its number inside, its name above and the notes below, two on a line."""
    x, y = place
    texts = [f"{letter_of(note)} {number(note.value)}" for note in notes]
    lines = [" · ".join(texts[k : k + 2]) for k in range(0, len(texts), 2)]
    return [
        f'<rect class="{kind}" x="{x - WIDE / 2:g}" y="{y - HIGH / 2:g}" width="{WIDE}" '
        f'height="{HIGH}" rx="{HIGH / 2:g}"/>',
        f'<text class="value" x="{x:g}" y="{y:g}" dy=".35em">{number(unit.value)}</text>',
        f'<text class="name" x="{x:g}" y="{y - HIGH / 2 - 7:g}">{unit.symbol}</text>',
        *(
            f'<text class="note" x="{x:g}" y="{y + HIGH / 2 + 15 * k:g}">{line}</text>'
            for k, line in enumerate(lines, start=1)
        ),
    ]


def letter_of(quantity: Quantity) -> str:
    """The letter alone: what it belongs to is seen."""
    return quantity.symbol.letter if isinstance(quantity.symbol, Symbol) else ""


def number(value: float) -> str:
    """A number with a few digits."""
    return f"{value:.3g}".replace("-", "−")
