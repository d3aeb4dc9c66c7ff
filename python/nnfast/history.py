"""What a training recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import drawing
from nnfast.levels.contract import Architecture, Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Histogram = tuple[Array, Array]  # counts (bins,) int64 and edges (bins + 1,) float64

HISTOGRAMS = ("weights", "gradients")  # what `fit(record=...)` can keep
BINS = 30


class History:
    """What one `fit` recorded: a list with one entry per epoch under each name.

    `history["loss"]` is the mean loss over the rows of each epoch, every batch measured before the
    update it causes; with full batches `history["loss"][0]` is the loss of the initial weights.
    Metrics stand under their names, and what validation data gave under "val_loss" and "val_" and
    the metric's name: all measured after the epoch.

    `history["weights"]` and `history["gradients"]`, where `fit(record=...)` asked for them, hold
    for each epoch a list of one histogram per layer, (counts, edges) as of `numpy.histogram`: the
    counts (30,) int64 of all the layer's parameters, or of their gradient, and the edges (31,)
    float64 of the bins.

    stop_reason: a sentence that says why the training ended.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[Any]] = {"loss": []}
        self._losses: list[Sequence[float]] = []  # that nobody has asked for yet
        self.stop_reason = ""

    @property
    def _records(self) -> dict[str, list[Any]]:
        """Everything as lists: to make one of all losses takes longer than some trainings."""
        for losses in self._losses:
            self._kept["loss"].extend(np.asarray(losses).tolist())
        self._losses.clear()
        return self._kept

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._records:
            raise KeyError(f"no record {name!r}; this history has {', '.join(self._records)}")
        return self._records[name]

    def __contains__(self, name: object) -> bool:
        return name in self._records

    @property
    def epochs(self) -> int:
        """Number of epochs recorded."""
        return len(self._kept["loss"]) + sum(map(len, self._losses))

    @property
    def names(self) -> list[str]:
        """The names of the records."""
        return list(self._records)

    @property
    def numbers(self) -> list[str]:
        """The names of the records with one number per epoch."""
        return [name for name in self._records if name not in HISTOGRAMS]

    def add_losses(self, losses: Sequence[float]) -> None:
        """Add the losses of some epochs."""
        self._losses.append(losses)

    def append(self, records: Mapping[str, Any]) -> None:
        """Add one epoch's entry under each name but "loss"."""
        for name, value in records.items():
            self._records.setdefault(name, []).append(value)

    def logs(self) -> dict[str, float]:
        """The last epoch's numbers."""
        return {name: self._records[name][-1] for name in self.numbers}

    def to_dict(self) -> dict[str, list[Any]]:
        """A copy as plain lists."""
        records: dict[str, list[Any]] = {name: list(self._records[name]) for name in self.numbers}
        for name in self._records.keys() & set(HISTOGRAMS):
            records[name] = [
                [(counts.tolist(), edges.tolist()) for counts, edges in layers]
                for layers in self._records[name]
            ]
        return records

    def arrays(self) -> dict[str, Array]:
        """The records as arrays, for files; `restore` reads them."""
        arrays = {name: np.array(self._records[name], np.float64) for name in self.numbers}
        for name in self._records.keys() & set(HISTOGRAMS):
            for k, part in enumerate(("counts", "edges")):
                rows = [[histogram[k] for histogram in layers] for layers in self._records[name]]
                arrays[f"{name}.{part}"] = np.array(rows)
        return arrays

    def restore(self, names: list[str], arrays: Mapping[str, Array]) -> None:
        """Take the records of these names, in this order, from what `arrays` gave."""
        for name in names:
            if name in HISTOGRAMS:
                epochs = zip(arrays[f"{name}.counts"], arrays[f"{name}.edges"], strict=True)
                self._records[name] = [list(zip(*pair, strict=True)) for pair in epochs]
            else:
                self._records[name] = arrays[name].tolist()
            if len(self._records[name]) != self.epochs:
                raise ValueError(f"{name} has not one entry for each of {self.epochs} epochs")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the numbers of each epoch into `ax`, or into a new figure, and return the axes.

        Needs matplotlib: `pip install "nnfast[plot]"`. Nothing is shown: `plt.show()` does that.
        """
        from nnfast.plots import HistoryDisplay

        ax = drawing.axes(ax, "History.plot")
        return HistoryDisplay.from_history(self, None, ax=ax).ax_

    def _repr_html_(self) -> str:
        from nnfast import markup

        return markup.history(self)

    def __repr__(self) -> str:
        losses = self._records["loss"]
        if not losses:
            return "History(0 epochs)"
        span = f"{losses[0]:.4g}" + (f" -> {losses[-1]:.4g}" if len(losses) > 1 else "")
        return f"History({len(losses)} epoch{'s' if len(losses) > 1 else ''}, loss {span})"


def histograms(architecture: Architecture, values: Array) -> list[Histogram]:
    """One histogram per layer of an array laid out like the parameters."""
    result = []
    start = 0
    for inputs, outputs, bias in architecture.shapes:
        stop = start + (inputs + bias) * outputs
        counts, edges = np.histogram(values[start:stop].astype(np.float64), BINS)
        result.append((counts, edges))
        start = stop
    return result
