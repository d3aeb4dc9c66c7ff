"""A network as a diagram: units, and weights as lines between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, validation
from nnfast.levels.contract import Array, Pair
from nnfast.plots.display import Display, font_size
from nnfast.plots.layout import Column, column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nnfast.network import Network

THICKEST = 3.5  # points, the line of the largest weight
READABLE = 17.0  # points, the diameter of a unit that a number fits into


class DiagramDisplay(Display):
    """Units as circles, layer by layer from left to right, and weights as lines between them.

    The larger a weight, the thicker and darker its line; negative ones are blue, positive ones
    vermillion. The ring around a unit is its bias, drawn by the same rule. Given the values of the
    units, they fill the circles with grey, the larger the darker in their layer.

    sizes: of the layers, the inputs first; weights: (W, b) of every layer; values: the values of
    all units of every layer, the inputs first, or None.
    titles: of the layers; first_names, last_names: of the inputs and the outputs, or none.
    most: places in a column; of larger layers the middle is left out, with dots in its place.

    After `plot`, `edges_` are the lines of every layer, one collection each, `nodes_` the circles
    of every layer, the inputs first, `texts_` all texts.
    """

    def __init__(
        self,
        weights: list[Pair],
        titles: list[str],
        *,
        values: list[Array] | None = None,
        first_names: tuple[str, ...] = (),
        last_names: tuple[str, ...] = (),
        most: int = 10,
    ) -> None:
        self.weights, self.titles, self.values = weights, titles, values
        self.first_names, self.last_names, self.most = first_names, last_names, most

    @classmethod
    def from_network(
        cls, net: Network, x: Any = None, *, most: int = 10, ax: Axes | None = None
    ) -> DiagramDisplay:
        """Draw a network, with the values of all its units for one row of inputs if given.

        x: one row, (inputs,) or (1, inputs); most: places in a column, at least 3.

        Raises ValueError for x of another shape or `most` below 3.
        """
        most = validation.whole_number("most", most, least=3)
        values = None
        if x is not None:
            row = np.asarray(x)
            row = row.reshape(1, -1) if row.ndim == 1 else row
            if len(row) != 1:
                raise ValueError(
                    f"x has shape {row.shape}; a diagram shows the values of one row, X[:1]."
                )
            values = [
                np.asarray(net.door.raw_inputs(row))[0],
                *(a[0] for a in net.activations(row)),
            ]
        titles = [f"{net.sizes[0]} inputs" if net.sizes[0] > 1 else "1 input"]
        titles += [f"{layer.units} {layer.activation}" for layer in net.layers]
        last_names = tuple(map(str, net.classes or ())) if net.sizes[-1] > 1 else ()
        return cls(
            [(W.copy(), None if b is None else b.copy()) for W, b in net.weights],
            titles,
            values=values,
            first_names=net.feature_names or (),
            last_names=last_names,
            most=most,
        ).plot(ax)

    @property
    def sizes(self) -> list[int]:
        """Units per layer, the inputs first."""
        return [len(self.weights[0][0]), *(W.shape[1] for W, _ in self.weights)]

    def plot(self, ax: Axes | None = None) -> DiagramDisplay:
        """Draw into `ax`, or into a new figure."""
        columns = [column(size, self.most) for size in self.sizes]
        tallest = max(own.places for own in columns)
        axes = self._axes(ax, (1.6 * len(columns) + 1.4, 0.42 * tallest + 1.4))
        self.edges_: list[Any] = []
        self.nodes_: list[Any] = []
        self.texts_: list[Any] = []
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-tallest / 2 - 0.4, tallest / 2 + 0.4))
        axes.set_axis_off()
        height, width = self._place(axes, len(columns), tallest)
        diameter = min(0.62 * height, 0.4 * width)
        size = font_size(0.95 * width, max(map(len, self.titles)))
        largest = max(float(abs(W).max()) for W, _ in self.weights) or 1.0
        for k, (W, _) in enumerate(self.weights):
            self._draw_edges(axes, k, W / largest, columns[k], columns[k + 1])
        biases = [b for _, b in self.weights if b is not None]
        largest = max((float(abs(b).max()) for b in biases), default=0.0) or 1.0
        for k, own in enumerate(columns):
            b = self.weights[k - 1][1] if k else None
            self._draw_nodes(axes, k, own, None if b is None else b / largest, diameter)
            style = {"va": "bottom", "ha": "center", "fontsize": size}
            self._text(axes, k, tallest / 2 + 0.1, self.titles[k], **style)
        self._name_ends(axes, columns, diameter)
        self._legend(axes)
        return self

    def _place(self, ax: Any, columns: int, tallest: int) -> tuple[float, float]:
        """Height and width that a unit has, in points."""
        box = ax.get_window_extent()
        points = 72 / ax.figure.dpi
        return box.height * points / (tallest + 0.8), box.width * points / columns

    def _draw_edges(self, ax: Any, k: int, W: Array, left: Column, right: Column) -> None:
        from matplotlib.collections import LineCollection

        shown = W[np.ix_(left.units, right.units)].ravel()
        order = np.argsort(abs(shown))  # the largest on top
        starts, ends = (
            side.ravel() for side in np.meshgrid(left.heights, right.heights, indexing="ij")
        )
        lines = [[(k, starts[i]), (k + 1, ends[i])] for i in order]
        colours = [_colour(shown[i]) for i in order]
        widths = 0.3 + (THICKEST - 0.3) * abs(shown[order])
        collection = LineCollection(lines, colors=colours, linewidths=widths, zorder=1)
        self.edges_.append(ax.add_collection(collection))

    def _draw_nodes(
        self, ax: Any, k: int, own: Column, bias: Array | None, diameter: float
    ) -> None:
        rings: list[Any] = ["0.6"] * len(own.units)
        widths = np.full(len(own.units), 0.8)
        if bias is not None:
            rings = [_colour(b, faintest=0.4) for b in bias[own.units]]
            widths = 0.8 + 0.12 * diameter * abs(bias[own.units])
        fills = ["white"] * len(own.units)
        if self.values is not None:
            fills = self._draw_values(ax, k, self.values[k], own, diameter)
        place = np.full(len(own.units), k)
        style = {"c": fills, "edgecolors": rings, "linewidths": widths, "zorder": 2}
        self.nodes_.append(ax.scatter(place, own.heights, s=diameter**2, **style))
        if own.gap is not None:
            dots = own.gap + np.array([-0.22, 0.0, 0.22])
            ax.scatter(np.full(3, k), dots, s=max(2.0, diameter / 4), c="0.35", zorder=2)

    def _draw_values(
        self, ax: Any, k: int, values: Array, own: Column, diameter: float
    ) -> list[str]:
        """The numbers, where there is room for them; the greys that the circles are filled with."""
        shades = abs(values) / (float(abs(values).max()) or 1.0)
        fills = 1 - 0.75 * shades[own.units]
        for unit, height, fill in zip(own.units, own.heights, fills, strict=True):
            if diameter >= READABLE:
                style: dict[str, Any] = {"color": "white" if fill < 0.5 else "black", "zorder": 3}
                style |= {"fontsize": 0.3 * diameter + 1, "va": "center", "ha": "center"}
                self._text(ax, k, height, f"{values[unit]:.2g}", **style)
        return list(map(str, fills.tolist()))

    def _name_ends(self, ax: Any, columns: list[Column], diameter: float) -> None:
        """The names of the inputs on the left, those of the outputs on the right."""
        last = len(columns) - 1
        for names, k, side, offset in (
            (self.first_names, 0, "right", -1),
            (self.last_names, last, "left", 1),
        ):
            if not names:
                continue
            for unit, height in zip(columns[k].units, columns[k].heights, strict=True):
                self.texts_.append(
                    ax.annotate(
                        drawing.plain(names[unit]),
                        (k, height),
                        xytext=(offset * (diameter / 2 + 4), 0),
                        textcoords="offset points",
                        va="center",
                        ha=side,
                    )
                )

    def _text(self, ax: Any, x: float, y: float, text: str, **style: Any) -> None:
        self.texts_.append(ax.text(x, y, text, **style))

    def _legend(self, ax: Any) -> None:
        from matplotlib.lines import Line2D

        kinds = (("negative", drawing.NEGATIVE), ("positive", drawing.POSITIVE))
        handles = [Line2D([], [], color=c, linewidth=2, label=word) for word, c in kinds]
        style = {"frameon": False, "ncols": 2, "fontsize": "small", "handlelength": 1.5}
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.03), **style)


def _colour(weight: float, faintest: float = 0.12) -> tuple[float, float, float, float]:
    """The colour of a weight from -1 to 1, the more transparent the smaller it is."""
    from matplotlib.colors import to_rgba

    sign = drawing.NEGATIVE if weight < 0 else drawing.POSITIVE
    rgba: tuple[float, float, float, float] = to_rgba(
        sign, faintest + (1 - faintest) * abs(float(weight))
    )
    return rgba
