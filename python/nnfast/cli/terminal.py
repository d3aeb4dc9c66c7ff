"""Pictures made of characters."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence

from nnfast.network import Network

WIDTH = 80  # columns
HEIGHT = 12  # rows of a chart
MARKS = "*o+x"


def diagram(network: Network) -> str:
    """The layers from the inputs to the outputs, with what lies between them."""
    lines = _box(count(network.sizes[0], "input"), network.feature_names)
    if network.input_scaler is not None:
        lines += _line(f"scaled ({network.input_scaler.name})")
    for k, (layer, (n, m, bias)) in enumerate(
        zip(network.layers, network.architecture.shapes, strict=True), start=1
    ):
        lines += _line(f"{n} x {m} weights" + (f", {count(m, 'bias', 'es')}" if bias else ""))
        last = k == len(network.layers)
        lines += _box(f"{m} {layer.activation}", network.classes if last else None)
        if layer.dropout:
            lines += _line(f"dropout {layer.dropout:g} in training")
    if network.output_scaler is not None:
        lines += _line(f"scaled back ({network.output_scaler.name})")
        lines += _box(count(network.sizes[-1], "output"))
    return "\n".join(lines)


def count(number: int, noun: str, ending: str = "s") -> str:
    """The number with its noun."""
    return f"{number:,} {noun}{ending if number != 1 else ''}"


def _box(words: str, names: Iterable[object] | None = None) -> list[str]:
    if names is None:
        return [f"[ {words} ]"]
    start = f"[ {words} ]  "
    shown = textwrap.shorten(", ".join(map(str, names)), WIDTH - len(start), placeholder=" ...")
    return [start + shown]


def _line(words: str) -> list[str]:
    return [f"    |  {words}"]


def chart(curves: dict[str, Sequence[float]], width: int = WIDTH) -> str:
    """Curves of one number per epoch, with one vertical axis: logarithmic for a wide range."""
    finite = [v for values in curves.values() for v in values if math.isfinite(v)]
    if not finite:
        return "no finite number to draw"
    low, high = min(finite), max(finite)
    logarithmic = low > 0 and high / low > 100
    columns = width - 12
    grid = [[" "] * columns for _ in range(HEIGHT)]

    def height(value: float) -> int:
        if high == low:
            return 0
        if logarithmic:
            return round((HEIGHT - 1) * math.log(value / low) / math.log(high / low))
        return round((HEIGHT - 1) * (value / 2 - low / 2) / (high / 2 - low / 2))

    longest = max(map(len, curves.values()))
    for mark, values in zip(MARKS, curves.values(), strict=False):
        for k, value in enumerate(values):
            if math.isfinite(value):
                column = k * (columns - 1) // max(1, longest - 1)
                grid[HEIGHT - 1 - height(value)][column] = mark
    labels = {0: f"{high:.4g}", HEIGHT - 1: f"{low:.4g}"}
    lines = [f"{labels.get(k, ''):>10} |{''.join(row).rstrip()}" for k, row in enumerate(grid)]
    lines.append(f"{'':>10} +{'-' * columns}")
    lines.append(f"{'epoch':>10}  1{longest:>{columns - 1}}")
    legend = "   ".join(f"{mark} {name}" for mark, name in zip(MARKS, curves, strict=False))
    lines.append(f"{'':>12}{legend}" + ("   (logarithmic)" if logarithmic else ""))
    return "\n".join(lines)
