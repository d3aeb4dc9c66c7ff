"""How the weights or gradients of each layer are distributed while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, extras, validation
from nnfast.history import HISTOGRAMS, Histogram, History
from nnfast.levels.contract import Array
from nnfast.plots.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 80  # of a picture
QUANTILES = (0.1, 0.5, 0.9)


class EvolutionDisplay(Display):
    """Histograms over the epochs, one picture for each layer: the darker, the more numbers.

    layers: for each layer the histograms of every epoch; labels: of the layers; what: their name.
    The lines are the median and the quantiles of 10 % and 90 %.

    After `plot`, `axes_` are the axes, `images_` the pictures and `lines_` the lines (layer,
    quantile); `ax_` is the first of the axes.
    """

    def __init__(self, layers: list[list[Histogram]], labels: list[str], what: str) -> None:
        self.layers, self.labels, self.what = layers, labels, what

    @classmethod
    def from_history(
        cls,
        history: History,
        what: str = "weights",
        *,
        layer: int | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        **options: Any,
    ) -> EvolutionDisplay:
        """Draw what `fit(record=...)` kept.

        what: "weights" or "gradients"; layer: the number of one layer, from 0; None: all of them.
        ax: the axes of that layer, or one for each layer; options: those of `plot`.

        Raises ValueError for an unknown record or layer, or another number of axes.
        """
        validation.choice("what", what, HISTOGRAMS)
        if what not in history:
            raise ValueError(
                f"this history has no histograms of {what}; train with fit(record={what!r})."
            )
        layers = [list(own) for own in zip(*history[what], strict=True)]
        labels = [f"layer {k + 1}" for k in range(len(layers))]
        if layer is not None:
            if not 0 <= layer < len(layers):
                raise ValueError(f"layer is {layer}; expected 0 to {len(layers) - 1}.")
            layers, labels = layers[layer : layer + 1], labels[layer : layer + 1]
        return cls(layers, labels, what).plot(ax, **options)

    def plot(self, ax: Axes | Sequence[Axes] | None = None, **style: Any) -> EvolutionDisplay:
        """Draw into `ax`, one axes for each layer, or into a new figure; style: as in `imshow`."""
        self.axes_ = self._panels(ax)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.images_: list[Any] = []
        self.lines_: list[list[Any]] = []
        for own, epochs, label in zip(self.axes_, self.layers, self.labels, strict=True):
            self._draw(own, epochs, style)
            own.set_title(label, fontsize="medium")
            drawing.epoch_axis(own)
        self.ax_.set_ylabel({"weights": "weight", "gradients": "gradient"}[self.what])
        return self

    def _panels(self, ax: Any) -> list[Axes]:
        pyplot = extras.load("matplotlib.pyplot", extra="plot", purpose="EvolutionDisplay.plot")
        count = len(self.layers)
        if ax is None:
            size = (3.2 * count + 0.6, 3.0)
            _, made = pyplot.subplots(1, count, squeeze=False, figsize=size, layout="constrained")
            return list(made[0])
        panels = list(np.ravel(np.array(ax, object)))
        if len(panels) != count:
            raise ValueError(
                f"{count} layers need {count} axes, but there {'is' if len(panels) == 1 else 'are'}"
                f" {len(panels)}; give as many, or choose one layer=..."
            )
        return panels

    def _draw(self, ax: Any, epochs: list[Histogram], style: dict[str, Any]) -> None:
        edges = _edges(epochs)
        steps = np.array([np.diff(np.interp(edges, *_cumulative(own))) for own in epochs]).T
        extent = (-0.5, len(epochs) - 0.5, edges[0], edges[-1])
        own = {"cmap": drawing.fading(), "vmin": 0, "vmax": np.quantile(steps, 0.99), **style}
        image = ax.imshow(steps, extent=extent, origin="lower", aspect="auto", **own)
        self.images_.append(image)
        lines = []
        for quantile in QUANTILES:
            heights = [np.interp(quantile, *_cumulative(own)[::-1]) for own in epochs]
            line = {"color": drawing.POSITIVE, "linewidth": 1.4 if quantile == 0.5 else 0.8}
            lines += ax.plot(range(len(epochs)), heights, **line)
        self.lines_.append(lines)


def _edges(epochs: list[Histogram]) -> Array:
    """Edges of common bins, from the least to the largest of almost all numbers."""
    ends = [np.interp([0.002, 0.998], *_cumulative(own)[::-1]) for own in epochs]
    low, high = np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]
    edges: Array = np.linspace(low, high, ROWS + 1)
    return edges


def _cumulative(histogram: Histogram) -> tuple[Array, Array]:
    """(edges, fraction of the numbers below each)."""
    counts, edges = histogram
    return edges, np.concatenate([[0.0], np.cumsum(counts) / max(1, counts.sum())])
