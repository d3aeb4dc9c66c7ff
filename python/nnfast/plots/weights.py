"""The weights of the first layer as images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nnfast import drawing, validation
from nnfast.levels.contract import Array
from nnfast.plots.display import Display, image_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nnfast.network import Network


class WeightImagesDisplay(Display):
    """The weights into each unit of the first layer as an image, all with the same colours.

    images: (units, rows, columns), those that are shown; units: how many the layer has. Negative
    weights are blue, positive ones vermillion; the scale is symmetrical around 0.

    After `plot`, `images_` are the images, row by row, and `colorbar_` their scale.
    """

    def __init__(self, images: Array, units: int) -> None:
        self.images, self.units = images, units

    @classmethod
    def from_network(
        cls,
        net: Network,
        shape: tuple[int, int] | None = None,
        *,
        most: int = 64,
        ax: Axes | None = None,
        **options: Any,
    ) -> WeightImagesDisplay:
        """Draw the weights of the first layer.

        shape: (rows, columns) of an input, which is read row by row; None: a square.
        most: how many units are shown, from the first; options: those of `plot`.

        Raises ValueError where the inputs are no image of this shape.
        """
        W, _ = net.weights[0]
        rows, columns = image_shape(shape, len(W), "an input of this network")
        shown = min(validation.whole_number("most", most), W.shape[1])
        images = W.T[:shown].reshape(shown, rows, columns).copy()
        return cls(images, W.shape[1]).plot(ax, **options)

    def plot(self, ax: Axes | None = None, **style: Any) -> WeightImagesDisplay:
        """Draw into `ax`, or into a new figure; style: of the images, as in `Axes.imshow`."""
        axes = self._axes(ax)
        largest = float(abs(self.images).max()) or 1.0
        style = {"cmap": drawing.diverging(), "vmin": -largest, "vmax": largest, **style}
        self.images_ = mosaic(axes, self.images, **style)
        self.colorbar_ = axes.figure.colorbar(self.images_[0], ax=axes, label="weight", shrink=0.8)
        if len(self.images) < self.units:
            axes.set_title(f"the first {len(self.images)} of {self.units} units", fontsize="medium")
        return self


def mosaic(ax: Any, images: Array, *, above: float = 0.0, **style: Any) -> list[Any]:
    """Images (n, rows, columns) side by side, row by row; above: room over each, in its heights."""
    count, rows, columns = images.shape
    across = math.ceil(math.sqrt(count * rows * (1 + above) / columns))
    gap = 0.12 * max(rows, columns)
    step = rows * (1 + above) + gap
    drawn = []
    for k, image in enumerate(images):
        left, top = k % across * (columns + gap), k // across * step + above * rows
        extent = (left, left + columns, top + rows, top)
        drawn.append(ax.imshow(image, extent=extent, **style))
    down = math.ceil(count / across)
    ax.set(xlim=(0, min(count, across) * (columns + gap) - gap), ylim=(down * step - gap, 0))
    ax.set_aspect("equal")
    ax.set_axis_off()
    return drawn
