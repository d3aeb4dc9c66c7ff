"""The learning rate range test (Smith 2017): which learning rate to start with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import data, diagnostics, drawing, validation
from nnfast.door import Door
from nnfast.formulas import OPTIMIZERS, BatchMethod, Optimizer
from nnfast.levels.contract import Array, DivergenceError, TrainingState

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nnfast.network import Network

WIDTH = 3.0  # steps, the standard deviation of the bell curve that smooths the losses
DIVERGED = 4.0  # times the lowest running loss


@dataclass(frozen=True, eq=False)
class LearningRateRange:
    """What `Network.find_learning_rate` found.

    rates: the learning rates tried, (steps,), each 1 / (steps - 1) of the way in its logarithm;
        fewer where the loss diverged before the last.
    losses: the smoothed loss of the batch before the update with each rate, (steps,).
    raw_losses: the same as measured, (steps,).
    suggestion: the rate at which the smoothed loss fell most steeply; None where it never fell.
    """

    rates: Array
    losses: Array
    raw_losses: Array

    @property
    def suggestion(self) -> float | None:
        falls = np.diff(self.losses[: int(self.losses.argmin()) + 1])
        # the loss after the update with rates[k] is losses[k + 1]
        return float(self.rates[falls.argmin()]) if len(falls) and falls.min() < 0 else None

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the losses over the rates into `ax`, or into a new figure, and return the axes.

        Needs matplotlib: `pip install "nnfast[plot]"`. Nothing is shown: `plt.show()` does that.
        """
        ax = drawing.axes(ax, "LearningRateRange.plot")
        ax.semilogx(self.rates, self.raw_losses, color="0.8", label="loss of a batch")
        ax.semilogx(self.rates, self.losses, color=drawing.PALETTE[0], label="smoothed")
        if self.suggestion is not None:
            label = f"falls most steeply at {self.suggestion:.2g}"
            ax.axvline(self.suggestion, linestyle="--", color=drawing.PALETTE[1], label=label)
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.legend(frameon=False)
        drawing.open_frame(ax)
        return ax

    def __repr__(self) -> str:
        tried = f"{len(self.rates)} rates from {self.rates[0]:.2g} to {self.rates[-1]:.2g}"
        if self.suggestion is None:
            return f"LearningRateRange({tried}: the loss never fell)"
        return f"LearningRateRange({tried}, suggestion {self.suggestion:.2g})"


def find_learning_rate(
    network: Network,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer | str | None,
    lowest: float,
    highest: float,
    steps: int,
    batch_size: int | None,
) -> LearningRateRange:
    """Train a copy with rising learning rates; see `Network.find_learning_rate`."""
    X, Y = data.ready(X, y, network.door)
    steps = validation.whole_number("steps", steps, least=2)
    rows = len(X) if batch_size is None else validation.whole_number("batch_size", batch_size)
    if not 0 < lowest < highest < math.inf:
        raise ValueError(
            f"lowest is {lowest!r} and highest {highest!r}; expected 0 < lowest < highest."
        )
    chosen = validation.optimizer(optimizer) or network.optimizer or OPTIMIZERS["adam"]()
    if isinstance(chosen, BatchMethod):
        raise ValueError(f"{chosen!r} has no learning rate to look for; choose another optimizer.")
    diagnostics.check_data(network, X)  # here all rows are seen; the copy's fits get batches
    rates = np.geomspace(lowest, highest, steps)
    losses = _losses(network, X, Y, chosen, rates.tolist(), min(rows, len(X)))
    return LearningRateRange(rates[: len(losses)], _smoothed(losses), losses)


def _losses(
    network: Network, X: Array, Y: Array, optimizer: Any, rates: Sequence[float], rows: int
) -> Array:
    """The loss of a batch before the update with each rate, until the losses diverge."""
    twin = network.copy()
    twin.open(Door(network.architecture))  # X and Y have come through already
    state = TrainingState.fresh(network.architecture, optimizer, 0)
    order = np.random.default_rng(network.seed).permutation(len(X))
    losses: list[float] = []
    running = lowest = math.inf
    for k, rate in enumerate(rates):
        batch = order.take(range(k * rows, (k + 1) * rows), mode="wrap")
        twin.resume(replace(optimizer, learning_rate=rate), state)
        try:
            history = twin.fit(X[batch], Y[batch], batch_size=None, shuffle=False, verbose=0)
        except DivergenceError:
            if k == 0:
                raise
            break
        loss = history["loss"][0]
        running = loss if k == 0 else 0.8 * running + 0.2 * loss
        lowest = min(lowest, running)
        if not running <= DIVERGED * lowest:
            break
        losses.append(loss)
    return np.array(losses)


def _smoothed(losses: Array) -> Array:
    """Means of the neighbours, weighted by a bell curve of the standard deviation WIDTH."""
    distance = np.subtract.outer(np.arange(len(losses)), np.arange(len(losses)))
    weights = np.exp(-0.5 * (distance / WIDTH) ** 2)
    smoothed: Array = weights @ losses / weights.sum(axis=1)
    return smoothed
