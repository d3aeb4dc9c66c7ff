"""How much trainings from several seeds differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing, validation
from nnfast.history import History
from nnfast.levels.contract import Array
from nnfast.plots.curves import SCALES, read_runs, unknown_record, words
from nnfast.plots.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SpreadDisplay(Display):
    """The median of one record over several trainings, and the band between two quantiles.

    groups: {label: numbers (runs, epochs)}, NaN after a training's end. An epoch counts the runs
        that have reached it, and epochs that fewer than half of them have reached are left out.
    quantiles: the lower and the upper edge of the band.

    After `plot`, `lines_` are the medians and `bands_` the bands, one for each group.
    """

    def __init__(
        self, groups: dict[str, Array], name: str, quantiles: tuple[float, float] = (0.1, 0.9)
    ) -> None:
        self.groups, self.name, self.quantiles = groups, name, quantiles

    @classmethod
    def from_histories(
        cls,
        histories: Sequence[History] | Mapping[str, Sequence[History]],
        name: str = "loss",
        *,
        quantiles: tuple[float, float] = (0.1, 0.9),
        ax: Axes | None = None,
        **options: Any,
    ) -> SpreadDisplay:
        """Draw the spread of one group of histories, or of several in a dict by their labels.

        name: of the record; quantiles: two numbers from 0 to 1; options: those of `plot`.

        Raises ValueError for an unknown record, no epochs or quantiles out of order, TypeError for
        what is no history.
        """
        low, high = (validation.not_negative("quantiles", q) for q in quantiles)
        if not low < high <= 1:
            raise ValueError(f"quantiles is {quantiles!r}; expected two rising numbers, 0 to 1.")
        named = histories if isinstance(histories, Mapping) else {"": histories}
        groups = {str(label): _table(group, name) for label, group in named.items()}
        return cls(groups, name, (low, high)).plot(ax, **options)

    def plot(self, ax: Axes | None = None, *, scale: str = "linear", **style: Any) -> SpreadDisplay:
        """Draw into `ax`, or into a new figure.

        scale: of the numbers, "linear" or "log"; style: of the medians, as in `Axes.plot`.
        """
        validation.choice("scale", scale, SCALES)
        axes = self._axes(ax)
        self.lines_: list[Any] = []
        self.bands_: list[Any] = []
        for k, (label, table) in enumerate(self.groups.items()):
            reached = np.isfinite(table).sum(axis=0)
            epochs = np.flatnonzero(2 * reached >= len(table))
            low, median, high = np.nanquantile(
                table[:, epochs], [self.quantiles[0], 0.5, self.quantiles[1]], axis=0
            )
            colour = drawing.PALETTE[k % len(drawing.PALETTE)]
            text = f"{label or 'median'} ({len(table)} runs)"
            self.lines_ += axes.plot(epochs, median, **{"color": colour, "label": text, **style})
            shade = {"color": self.lines_[-1].get_color(), "alpha": 0.25, "linewidth": 0}
            self.bands_.append(axes.fill_between(epochs, low, high, **shade))
        band = f"{self.quantiles[0]:.0%} to {self.quantiles[1]:.0%}"
        axes.fill_between([], [], [], color="0.5", alpha=0.25, linewidth=0, label=band)
        axes.set_yscale(scale)
        drawing.epoch_axis(axes)
        axes.set_ylabel(words(self.name))
        axes.legend(frameon=False)
        drawing.open_frame(axes)
        return self


def _table(histories: Sequence[History], name: str) -> Array:
    """The record of each history as a row, with NaN after its end."""
    if isinstance(histories, History):
        histories = [histories]
    runs = read_runs(histories, what="histories")
    for history in runs.values():
        if name not in history.numbers:
            raise unknown_record(name, history)
    longest = max((history.epochs for history in runs.values()), default=0)
    if not longest:
        raise ValueError("histories have no epochs; give what `fit` returned, at least one.")
    table = np.full((len(runs), longest), np.nan)
    for row, history in zip(table, runs.values(), strict=True):
        row[: history.epochs] = history[name]
    return table
