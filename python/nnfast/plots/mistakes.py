"""The rows that a network is most wrong about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, validation
from nnfast.formulas import LOSSES
from nnfast.inspection import row_losses
from nnfast.levels.contract import Array
from nnfast.plots import classes
from nnfast.plots.display import Display, font_size, image_shape
from nnfast.plots.weights import mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nnfast.network import Network

ABOVE = 0.45  # heights of an image, the room for the two lines above it


class MistakesDisplay(Display):
    """The rows whose class is wrong, those with the highest loss first.

    rows: their indices in X, (n,); losses: of each, (n,); true, predicted: names of the classes;
    outputs: the output of the predicted class, (n,), a probability where the outputs are.
    images: the rows as images (n, rows, columns); None draws a bar for the loss of each.
    total: how many wrong rows there are, with those that are not shown.

    After `plot`, `images_` are the images or `bars_` the bars, and `texts_` what is said of them.
    """

    def __init__(
        self,
        rows: Array,
        losses: Array,
        true: list[str],
        predicted: list[str],
        outputs: Array,
        images: Array | None = None,
        total: int | None = None,
    ) -> None:
        self.rows, self.losses, self.true, self.predicted = rows, losses, true, predicted
        self.outputs, self.images = outputs, images
        self.total = len(rows) if total is None else total

    @classmethod
    def from_network(
        cls,
        net: Network,
        X: Any,
        y: Any,
        *,
        count: int = 12,
        shape: tuple[int, int] | None = None,
        images: bool | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> MistakesDisplay:
        """Find and draw the worst mistakes; X, y: as for `fit`, y of classes.

        count: how many are shown at most.
        images: whether a row is an image; None: where it has 16 numbers or more that make a square
            or the given shape, (rows, columns).

        Raises ValueError where y does not hold classes or rows are no images of this shape,
        TypeError or ValueError as `fit`.
        """
        count = validation.whole_number("count", count)
        raw = np.asarray(net.door.raw_inputs(X), np.float64)
        outputs = net.predict(X)
        true = classes.true(net, y, len(raw))
        found = classes.predicted(net, outputs)
        losses = row_losses(net, X, y)
        wrong = np.flatnonzero(true != found)
        worst = wrong[np.argsort(-losses[wrong], kind="stable")][:count]
        pictures = None
        side = round(raw.shape[1] ** 0.5)
        if images or shape or (images is None and side >= 4 and side * side == raw.shape[1]):
            rows, columns = image_shape(shape, raw.shape[1], "a row of X")
            pictures = raw[worst].reshape(-1, rows, columns)
        names = classes.names(net)
        return cls(
            worst,
            losses[worst],
            [names[k] for k in true[worst]],
            [names[k] for k in found[worst]],
            _of_class(outputs[worst], found[worst], LOSSES[net.loss].threshold),
            pictures,
            len(wrong),
        ).plot(ax, **options)

    def plot(self, ax: Axes | None = None, **style: Any) -> MistakesDisplay:
        """Draw into `ax`, or into a new figure; style: as in `Axes.imshow` or `Axes.barh`."""
        axes = self._axes(ax)
        self.images_: list[Any] = []
        self.bars_: list[Any] = []
        self.texts_: list[Any] = []
        if not len(self.rows):
            axes.set_axis_off()
            text = axes.text(0.5, 0.5, "no mistakes", transform=axes.transAxes, ha="center")
            self.texts_.append(text)
        elif self.images is not None:
            self._draw_images(axes, self.images, style)
        else:
            self._draw_bars(axes, style)
        if len(self.rows) < self.total:
            title = f"the worst {len(self.rows)} of {self.total:,} mistakes"
            axes.set_title(title, fontsize="medium")
        return self

    def _draw_images(self, ax: Any, images: Array, style: dict[str, Any]) -> None:
        self.images_ = mosaic(ax, images, above=ABOVE, **{"cmap": "gray_r", **style})
        texts = [
            f"{self._words(k)}\nrow {row}, {output:.2f}"
            for k, (row, output) in enumerate(zip(self.rows, self.outputs, strict=True))
        ]
        longest = max(len(line) for text in texts for line in text.split("\n"))
        size = _size(ax, images.shape[1], images.shape[2], longest)
        place = {"ha": "center", "va": "bottom", "fontsize": size, "linespacing": 1.1}
        for image, text in zip(self.images_, texts, strict=True):
            left, right, _, top = image.get_extent()
            self.texts_.append(ax.text((left + right) / 2, top, text, **place))

    def _words(self, k: int) -> str:
        return drawing.plain(f"{self.true[k]}, not {self.predicted[k]}")

    def _draw_bars(self, ax: Any, style: dict[str, Any]) -> None:
        places = np.arange(len(self.rows))
        self.bars_ = list(
            ax.barh(places, self.losses, **{"color": drawing.PALETTE[5], "height": 0.75, **style})
        )
        for k in range(len(places)):
            text = f" {self._words(k)} ({self.outputs[k]:.2f})"
            self.texts_.append(ax.text(0, k, text, va="center", fontsize="small"))
        ax.set_yticks(places, [f"row {row}" for row in self.rows])
        ax.invert_yaxis()
        ax.set_xlabel("loss")
        drawing.open_frame(ax)
        ax.grid(visible=False, axis="y")


def _size(ax: Any, rows: int, columns: int, characters: int) -> float:
    """Points of two lines above each image of a mosaic that touch neither it nor its neighbours."""
    box, (left, right), (bottom, top) = ax.get_window_extent(), ax.get_xlim(), ax.get_ylim()
    scale = 72 / ax.figure.dpi * min(box.width / (right - left), box.height / (bottom - top))
    return font_size(1.1 * columns * scale, characters, most=ABOVE * rows * scale / 2.4)


def _of_class(outputs: Array, found: Array, threshold: float) -> Array:
    """The output of the class that was found, (n,); of one output that says no, the other's."""
    if outputs.shape[1] > 1:
        return np.take_along_axis(outputs, found[:, None], axis=1)[:, 0]
    p = outputs[:, 0]
    return np.where(found == 1, p, 2 * threshold - p)
