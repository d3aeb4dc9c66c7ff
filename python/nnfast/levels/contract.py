"""The contract that every level fulfils: a few functions of one flat parameter array.

A level holds no parameters. It is built from an `Architecture` and computes; what it computes on,
and the state of a training, are arguments, so that two levels can be compared on the same arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnfast.formulas import BatchMethod, Optimizer

Array = NDArray[Any]  # float32 or float64, C-contiguous
Pair = tuple[Array, Array | None]  # W (inputs, outputs) and b (outputs,), None without bias


@dataclass(frozen=True)
class Regularization:
    """What keeps a layer from fitting noise; the defaults do nothing.

    l1, l2: the objective grows by l1 Σ|w| + l2/2 Σ w² over the layer's W, not its b.
    dropout: the fraction of the layer's outputs that are zero in each row of an update, the others
        being divided by 1 - dropout (Srivastava et al. 2014, in the inverted form).
    max_norm: after an update, no column of W, the weights into one unit, is longer than this.
    """

    l1: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    max_norm: float = math.inf


@dataclass(frozen=True)
class Architecture:
    """What a network computes, without its parameters.

    sizes: units per layer, the inputs first; activations, biases: one per layer after that.
    regularization: one per layer, or none at all.
    input_noise: standard deviation of the normal numbers added to the inputs in an update;
        input_dropout: the fraction of the inputs that are then zero, as with a layer's outputs.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    biases: tuple[bool, ...]
    loss: str
    dtype: str
    regularization: tuple[Regularization, ...] = ()
    input_dropout: float = 0.0
    input_noise: float = 0.0

    def __post_init__(self) -> None:
        if not self.regularization:
            none = (Regularization(),) * len(self.activations)
            object.__setattr__(self, "regularization", none)

    @property
    def shapes(self) -> list[tuple[int, int, bool]]:
        """(inputs, outputs, bias) of every layer."""
        return list(zip(self.sizes, self.sizes[1:], self.biases, strict=False))

    @cached_property
    def parameter_count(self) -> int:
        return sum((inputs + bias) * outputs for inputs, outputs, bias in self.shapes)

    @cached_property
    def penalised(self) -> bool:
        """Whether the objective is more than the loss."""
        return any(layer.l1 or layer.l2 for layer in self.regularization)

    @cached_property
    def noisy(self) -> bool:
        """Whether an update uses random numbers."""
        dropouts = [layer.dropout for layer in self.regularization]
        return bool(self.input_noise or self.input_dropout or any(dropouts))

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


NO_SCALARS = np.zeros(0)


@dataclass
class TrainingState:
    """What a training carries from one update to the next, beside the parameters.

    slots: the optimizer's state, one row per slot, (slots, parameters).
    step: the number of updates made.
    shuffle: the 64-bit state of the shuffling generator.
    noise: the 64-bit seed of dropout and input noise.
    epoch: the number of epochs made, the time of a schedule; rate_factor: what all learning rates
        are multiplied with. Both are kept by whoever calls `train`, which does not see them.
    scalars: a batch method's numbers beside the slots, float64; its slots are float64 as well.

    Shuffling: SplitMix64 (Steele, Lea & Flood, 2014) adds G = 0x9E3779B97F4A7C15 to the state and
    mixes the sum; u is the upper half of its output. An epoch starts from the order 0, 1, ..., n-1
    and swaps, for i = n-1 down to 1, the entries i and u (i + 1) >> 32 (Durstenfeld, 1964). All
    levels visit the rows in this order, and a batch that holds every row is not shuffled.

    Noise: numbers by their place, whoever asks first (as in Salmon et al. 2011). With mix the
    mixing of SplitMix64, number i of stream s in update `step` (counted from 0) is
    mix(key + G (i + 1)) with key = mix(noise + G (step (layers + 2) + s + 1)), and i counts the
    entries of the batch row by row. Stream 0 drops inputs, stream k the outputs of layer k, where
    the upper half of the number is below dropout 2^32. The last stream is that of the input noise:
    sqrt(-2 log u) cos(2 π v) (Box & Muller 1958) with u and v the upper and the lower half plus
    1/2, divided by 2^32.
    """

    slots: Array
    step: int
    shuffle: int
    noise: int = 0
    epoch: int = 0
    rate_factor: float = 1.0
    scalars: Array = field(default_factory=lambda: NO_SCALARS)

    @classmethod
    def fresh(
        cls, architecture: Architecture, optimizer: Optimizer | BatchMethod, shuffle: int
    ) -> TrainingState:
        dtype, scalars = architecture.dtype, NO_SCALARS
        if isinstance(optimizer, BatchMethod):
            dtype, scalars = "float64", np.zeros(optimizer.scalars)
        slots = np.zeros((optimizer.slots, architecture.parameter_count), dtype)
        return cls(slots, 0, shuffle, shuffle, scalars=scalars)

    def copy(self) -> TrainingState:
        """A state with arrays of its own."""
        return replace(self, slots=self.slots.copy(), scalars=self.scalars.copy())

    def restore(self, copy: TrainingState) -> None:
        """Become equal to a copy, in place."""
        self.slots[:], self.scalars[:] = copy.slots, copy.scalars
        self.step, self.shuffle = copy.step, copy.shuffle


@dataclass(frozen=True, eq=False)
class Control:
    """What bends the updates of one call of `train`, beside the optimizer.

    rates: the learning rate of each of its updates, float64 (updates,); None: the optimizer's own.
    clip_value: the gradient's entries are cut to [-clip_value, clip_value]; 0 leaves them.
    clip_norm: then a longer gradient is shortened to this Euclidean length (Pascanu et al. 2013);
        0 leaves it.
    factors: (parameters,) in the network's dtype, multiplied with each parameter's step; 0 freezes
        the parameter, and its gradient then counts as zero. None: all 1.
    """

    rates: Array | None = None
    clip_value: float = 0.0
    clip_norm: float = 0.0
    factors: Array | None = None


NO_CONTROL = Control()


class DivergenceError(ArithmeticError):
    """A loss or the parameters of a training ended up not finite.

    losses: those of the epochs that were run, the last of them perhaps not finite.
    """

    def __init__(self, message: str, losses: Sequence[float]) -> None:
        super().__init__(message)
        self.losses = losses


class Level(Protocol):
    """One implementation of the forward and backward passes and of the training loop.

    X (n, inputs) and Y (n, outputs) are C-contiguous arrays of the architecture's dtype, as are
    `parameters` (parameter_count,) and `sample_weight` (n,), whose mean is 1: the loss of some rows
    is the mean of each row's loss times its weight. Results may be nested lists: the caller makes
    arrays of them.
    """

    def __init__(self, architecture: Architecture) -> None: ...

    def forward(self, parameters: Array, X: Array) -> Array | list[list[float]]:
        """Outputs of the last layer, (n, outputs)."""
        ...

    def loss(
        self, parameters: Array, X: Array, Y: Array, sample_weight: Array | None = None
    ) -> float:
        """The loss, a mean over the rows, without penalties on the weights."""
        ...

    def loss_and_gradient(
        self, parameters: Array, X: Array, Y: Array, sample_weight: Array | None = None
    ) -> tuple[float, Array | list[float]]:
        """The objective, which is the loss and the penalties, and its gradient, (parameters,)."""
        ...

    def train(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        *,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer,
        shuffle: bool,
        control: Control = NO_CONTROL,
    ) -> Sequence[float]:
        """Train in place and return the objective of each epoch.

        Its loss is the mean over the rows of the epoch, each batch measured before the update it
        causes; its penalties are those of the weights that the epoch began with.

        Raises DivergenceError, and changes nothing, where a loss or the parameters end up not
        finite.
        """
        ...

    def jacobian(self, parameters: Array, X: Array) -> Array | list[list[list[float]]]:
        """Derivatives of the outputs by the parameters, (n, outputs, parameters)."""
        ...

    def minimise(
        self,
        parameters: Array,
        state: TrainingState,
        X: Array,
        Y: Array,
        sample_weight: Array | None = None,
        *,
        method: BatchMethod,
        iterations: int,
        control: Control = NO_CONTROL,
    ) -> tuple[list[float], str]:
        """Iterate in place; the objective before each iteration, and why no more are needed.

        The reason is "" where all iterations were made, else a key of `stop_reason`. Everything is
        computed in float64, and the parameters of a float32 network are rounded to float32 at each
        point. Of `control` only factors of 0 are looked at. Iterations in one call or in several
        give the same bits.

        Raises DivergenceError, and changes nothing, where the objective ends up not finite.
        """
        ...
