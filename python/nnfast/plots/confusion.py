"""Which classes a network takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, validation
from nnfast.levels.contract import Array
from nnfast.plots import classes
from nnfast.plots.display import Display, font_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nnfast.network import Network

NORMALISE = ("true", "predicted", "all")
MOST_TEXTS = 15  # classes whose cells have room for a number


class ConfusionMatrixDisplay(Display):
    """How many rows of each class (down) were given each class (across).

    counts: (classes, classes); names: of the classes.
    normalize: None draws counts, "true" fractions of a class's rows, "predicted" of those that
        were given a class, "all" of all rows.

    After `plot`, `image_` is the matrix, `texts_` (classes, classes) are its numbers, None where
    there are too many classes.
    """

    def __init__(self, counts: Array, names: Sequence[str], normalize: str | None = None) -> None:
        self.counts, self.names, self.normalize = counts, list(map(str, names)), normalize

    @classmethod
    def from_network(
        cls,
        net: Network,
        X: Any,
        y: Any,
        *,
        normalize: str | None = None,
        names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ConfusionMatrixDisplay:
        """Count what the network says about the rows of X; y: their classes, as for `fit`.

        normalize: as above; names: of the classes, None takes the network's.

        Raises ValueError where y does not hold classes, TypeError or ValueError as `fit`.
        """
        outputs = net.predict(X)
        true = classes.true(net, y, len(outputs))
        found = classes.predicted(net, outputs)
        own = classes.names(net) if names is None else names
        return cls._counted(true, found, own, normalize).plot(ax, **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        normalize: str | None = None,
        names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ConfusionMatrixDisplay:
        """Count labels of any kind, (n,) each; the classes are those that occur, sorted.

        names: of the classes in this order; None takes the labels.

        Raises ValueError for arrays of another or of different shapes.
        """
        true, found = np.asarray(y_true), np.asarray(y_pred)
        if true.ndim != 1 or true.shape != found.shape or not len(true):
            raise ValueError(
                f"y_true has shape {true.shape} and y_pred {found.shape}; expected (n,) of both."
            )
        labels, positions = np.unique(np.concatenate([true, found]), return_inverse=True)
        own = list(map(str, labels)) if names is None else names
        true, found = positions[: len(true)], positions[len(true) :]
        return cls._counted(true, found, own, normalize).plot(ax, **options)

    @classmethod
    def _counted(
        cls, true: Array, found: Array, names: Sequence[str], normalize: str | None
    ) -> ConfusionMatrixDisplay:
        if normalize is not None:
            validation.choice("normalize", normalize, NORMALISE)
        needed = int(max(true.max(), found.max())) + 1
        if len(names) < needed:
            raise ValueError(
                f"names has {len(names)} entries; expected one for each class, {needed}."
            )
        counts = np.zeros((len(names), len(names)), np.int64)
        np.add.at(counts, (true, found), 1)
        return cls(counts, names, normalize)

    @property
    def shown(self) -> Array:
        """The numbers in the cells, (classes, classes); 0 for a class without rows."""
        if self.normalize is None:
            return self.counts
        axis = {"true": 1, "predicted": 0, "all": None}[self.normalize]
        total = self.counts.sum(axis=axis, keepdims=True)
        fractions: Array = self.counts / np.maximum(total, 1)
        return fractions

    def plot(self, ax: Axes | None = None, **style: Any) -> ConfusionMatrixDisplay:
        """Draw into `ax`, or into a new figure; style: of the matrix, as in `Axes.imshow`."""
        count = len(self.names)
        side = float(np.clip(0.5 * count + 1.5, 3.2, 8))
        axes = self._axes(ax, (side + 0.4, side))
        shown = self.shown
        texts = [[_typed(value) for value in row] for row in shown.tolist()]
        longest = max(len(text) for row in texts for text in row)
        box = axes.get_window_extent()
        cell = 72 / axes.figure.dpi * 0.85 * min(box.width, box.height) / count
        size = font_size(cell, longest)
        largest = 1.0 if self.normalize in ("true", "predicted") else float(shown.max()) or 1.0
        style = {"cmap": drawing.fading(), "vmin": 0, "vmax": largest, **style}
        self.image_ = axes.imshow(shown, **style)
        self.texts_ = np.full(shown.shape, None, object)
        for (i, j), value in np.ndenumerate(shown) if count <= MOST_TEXTS else ():
            ink = "white" if value > 0.55 * largest else "black" if value else "0.75"
            place = {"ha": "center", "va": "center", "fontsize": size}
            self.texts_[i, j] = axes.text(j, i, texts[i][j], color=ink, **place)
        places = range(count) if count <= 4 * MOST_TEXTS else ()
        long = max((len(self.names[k]) for k in places), default=0) > 3
        names = [drawing.plain(self.names[k]) for k in places]
        axes.set_xticks(places, names, rotation=45 if long else 0, ha="right" if long else "center")
        axes.set_yticks(places, names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="predicted", ylabel="true")
        return self


def _typed(value: float) -> str:
    """A count, or a fraction in two digits; 0 for an empty cell."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}" if value else "0"
