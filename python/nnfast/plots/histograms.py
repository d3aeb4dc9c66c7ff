"""How the numbers of each layer are distributed: weights, gradients, activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, validation
from nnfast.levels.contract import Array
from nnfast.plots.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nnfast.network import Network

NEEDS: dict[str, tuple[str, ...]] = {"weights": (), "activations": ("X",), "gradients": ("X", "y")}
HEIGHT = 0.85  # of the highest bin, in distances between two layers


class HistogramsDisplay(Display):
    """The numbers of each layer as a histogram, the first layer on top, over one common axis.

    values: the numbers of each layer, flat; labels: of the layers; what: the numbers are.
    Every histogram has its own height, for layers differ in size.

    After `plot`, `ridges_` are the histograms' areas, one for each layer.
    """

    def __init__(self, values: list[Array], labels: list[str], what: str) -> None:
        self.values, self.labels, self.what = values, labels, what

    @classmethod
    def from_network(
        cls,
        net: Network,
        X: Any = None,
        y: Any = None,
        *,
        what: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> HistogramsDisplay:
        """Draw the weights of a network; or, given X, its activations; or, given y too, gradients.

        what: "weights", "activations" or "gradients"; None: what X and y allow.
        X, y: as for `fit`. Weights and gradients are those of all parameters of a layer, biases
        too; gradients are of the mean loss. options: those of `plot`.

        Raises ValueError where X or y is missing, TypeError or ValueError as `fit`.
        """
        if what is None:
            what = "weights" if X is None else "activations" if y is None else "gradients"
        validation.choice("what", what, NEEDS)
        for name, value in (("X", X), ("y", y)):
            if name in NEEDS[what] and value is None:
                raise ValueError(f"{what} depend on the data, but there is no {name}; give it.")
        labels = [f"dense {k}\n{layer.activation}" for k, layer in enumerate(net.layers, start=1)]
        if what == "activations":
            values = [a.ravel() for a in net.activations(X)]
        else:
            flat = net.parameters if what == "weights" else net.loss_and_gradient(X, y)[1]
            pairs = net.architecture.views(flat)
            values = [
                np.concatenate([part.ravel() for part in p if part is not None]) for p in pairs
            ]
        return cls(values, labels, what).plot(ax, **options)

    def plot(self, ax: Axes | None = None, *, bins: int = 60, **style: Any) -> HistogramsDisplay:
        """Draw into `ax`, or into a new figure.

        bins: of the common axis; style: of the areas, as in `Axes.fill_between`.
        """
        bins = validation.whole_number("bins", bins)
        count = len(self.values)
        axes = self._axes(ax, (6.4, 0.8 * count + 1.2))
        edges = _edges(self.values, bins)
        self.ridges_: list[Any] = []
        for k, values in enumerate(self.values):
            counts = np.histogram(values, edges)[0]
            heights = np.r_[counts, counts[-1]] * HEIGHT / max(1, counts.max())
            base = count - 1 - k
            own = {"step": "post", "color": drawing.NEGATIVE, "alpha": 0.6, "linewidth": 0, **style}
            self.ridges_.append(axes.fill_between(edges, base, base + heights, **own))
            axes.axhline(base, color="0.7", linewidth=0.6, zorder=0)
        axes.set_yticks(range(count), self.labels[::-1])
        axes.set_ylim(-0.15, count)
        axes.set_xlabel({"gradients": "gradient", "weights": "weight"}.get(self.what, "activation"))
        drawing.open_frame(axes)
        axes.grid(visible=False, axis="y")
        return self


def _edges(values: list[Array], bins: int) -> Array:
    """Edges of bins for all but the outermost thousandth of the numbers of each layer."""
    finite = [own[np.isfinite(own)] for own in values]
    ends = [np.quantile(own, [0.001, 0.999]) for own in finite if len(own)] or [np.zeros(2)]
    low, high = np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges: Array = np.linspace(low, high, bins + 1)
    return edges
