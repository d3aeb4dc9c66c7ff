"""The random numbers of level "python", one at a time, as `TrainingState` tells."""

from __future__ import annotations

import math

from nnfast.levels.contract import Architecture, TrainingState

Numbers = list[float]

GAMMA, MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def mix(u: int) -> int:
    """The mixing of SplitMix64."""
    u &= MASK
    u = ((u ^ (u >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    u = ((u ^ (u >> 27)) * 0x94D049BB133111EB) & MASK
    return u ^ (u >> 31)


def shuffled(n: int, state: TrainingState) -> list[int]:
    """The order of the rows in one epoch, as `TrainingState` tells."""
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        state.shuffle = (state.shuffle + GAMMA) & MASK
        j = ((mix(state.shuffle) >> 32) * (i + 1)) >> 32
        order[i], order[j] = order[j], order[i]
    return order


class Noise:
    """Dropout and input noise of one update, as `TrainingState` tells."""

    def __init__(self, architecture: Architecture, state: TrainingState) -> None:
        self.architecture = architecture
        self.state = state

    def numbers(self, stream: int, row: int, columns: int) -> list[int]:
        """The numbers of one row of a stream."""
        streams = len(self.architecture.sizes) + 1
        key = mix(self.state.noise + GAMMA * (self.state.step * streams + stream + 1))
        first = row * columns + 1
        return [mix(key + GAMMA * i) for i in range(first, first + columns)]

    def kept(self, stream: int, row: int, columns: int) -> Numbers:
        """0 where a layer's output is dropped, else 1 / (1 - dropout)."""
        dropout = self.architecture.input_dropout
        if stream > 0:
            dropout = self.architecture.regularization[stream - 1].dropout
        if not dropout:
            return [1.0] * columns
        limit = int(dropout * 2**32)
        return [
            0.0 if number >> 32 < limit else 1 / (1 - dropout)
            for number in self.numbers(stream, row, columns)
        ]

    def inputs(self, row: int, x: Numbers) -> Numbers:
        """The inputs with noise and without those that are dropped."""
        if sigma := self.architecture.input_noise:
            numbers = self.numbers(len(self.architecture.sizes), row, len(x))
            x = [v + sigma * normal(number) for v, number in zip(x, numbers)]
        return [v * m for v, m in zip(x, self.kept(0, row, len(x)))]


def normal(number: int) -> float:
    """A normally distributed number (Box & Muller, 1958) from 64 bits."""
    u, v = ((half + 0.5) / 2**32 for half in divmod(number, 2**32))
    return math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)
