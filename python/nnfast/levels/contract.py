"""The contract that every level fulfils: three functions of one flat parameter array.

A level holds no parameters. It is built from an `Architecture` and computes; what it computes on,
and the state of a training, are arguments, so that two levels can be compared on the same arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnfast.formulas import Optimizer

Array = NDArray[Any]  # float32 or float64, C-contiguous
Pair = tuple[Array, Array | None]  # W (inputs, outputs) and b (outputs,), None without bias


@dataclass(frozen=True)
class Architecture:
    """What a network computes, without its parameters.

    sizes: units per layer, the inputs first; activations, biases: one per layer after that.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    biases: tuple[bool, ...]
    loss: str
    dtype: str

    @property
    def shapes(self) -> list[tuple[int, int, bool]]:
        """(inputs, outputs, bias) of every layer."""
        return list(zip(self.sizes, self.sizes[1:], self.biases, strict=False))

    @cached_property
    def parameter_count(self) -> int:
        return sum((inputs + bias) * outputs for inputs, outputs, bias in self.shapes)

    def views(self, parameters: Array) -> list[Pair]:
        """(W, b) of every layer as views into the flat array.

        The layout: layer by layer, W (inputs, outputs) row by row, then b where there is one.
        """
        views: list[Pair] = []
        start = 0
        for inputs, outputs, bias in self.shapes:
            stop = start + inputs * outputs
            W = parameters[start:stop].reshape(inputs, outputs)
            start = stop + outputs * bias
            views.append((W, parameters[stop:start] if bias else None))
        return views


@dataclass
class TrainingState:
    """What a training carries from one update to the next, beside the parameters.

    slots: the optimizer's state, one row per slot, (slots, parameters).
    step: the number of updates made.
    shuffle: the 64-bit state of the shuffling generator.

    Shuffling: SplitMix64 (Steele, Lea & Flood, 2014) adds 0x9E3779B97F4A7C15 to the state and mixes
    the sum; u is the upper half of its output. An epoch starts from the order 0, 1, ..., n-1 and
    swaps, for i = n-1 down to 1, the entries i and u (i + 1) >> 32 (Durstenfeld, 1964). All levels
    visit the rows in this order, and a batch that holds every row is not shuffled.
    """

    slots: Array
    step: int
    shuffle: int

    @classmethod
    def fresh(cls, architecture: Architecture, optimizer: Optimizer, shuffle: int) -> TrainingState:
        slots = np.zeros((optimizer.slots, architecture.parameter_count), architecture.dtype)
        return cls(slots, 0, shuffle)


class Level(Protocol):
    """One implementation of the forward and backward passes and of the training loop.

    X (n, inputs) and Y (n, outputs) are C-contiguous arrays of the architecture's dtype, as is
    `parameters` (parameter_count,). Results may be nested lists: the caller makes arrays of them.
    """

    def __init__(self, architecture: Architecture) -> None: ...

    def forward(self, parameters: Array, X: Array) -> Array | list[list[float]]:
        """Outputs of the last layer, (n, outputs)."""
        ...

    def loss_and_gradient(
        self, parameters: Array, X: Array, Y: Array
    ) -> tuple[float, Array | list[float]]:
        """The loss, a mean over the rows, and its gradient, (parameter_count,)."""
        ...

    def train(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        *,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
    ) -> Sequence[float]:
        """Train in place and return the loss of each epoch.

        It is the mean over the rows of the epoch, each batch measured before the update it causes.
        """
        ...
